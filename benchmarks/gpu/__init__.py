"""What is to be found out on a GPU, as one command: `python -m benchmarks.gpu DATA --output DIR`.

Is it right, how fast is it, and the weights worth bringing back. Each part is a module with `run(setting)`, and runs in
a process of its own with its own time limit, so that a part that fails, hangs or is slow takes nothing from the rest.
DIR never holds more than eight files of at most 16 MiB: a table, a log, an archive of everything small, and weights in
pieces that `python -m benchmarks.gpu.join` puts together. `--device cpu --tiny` is a rehearsal of it all, in small.
"""

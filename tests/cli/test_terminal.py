"""What is printed: it cannot act on a terminal, no stream refuses it, and what cannot be shown ends no run."""

import errno
import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from resnet_demo.cli.main import main
from resnet_demo.runs import events
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.worker_files import Progress
from resnet_demo.workers.worker import Worker
from tests.runs.test_points import PLACE, epoch, metric
from tests.support.checkpoints import INFO, make_run

ROOT = Path(__file__).parents[2]
LONG = 90.0  # seconds; a bound for a busy machine, never a measure


def run_python(program: str, *arguments, **how) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=LONG, **how,
    )  # fmt: skip


MAIN = "import sys; from resnet_demo.cli.main import main; sys.exit(main(sys.argv[1:]))"


# --- no text acts on the terminal -----------------------------------------------------------------------------


def test_argparse_shows_a_control_sequence_as_an_escape(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--\x1b[2J\x9b1m"])
    said = capsys.readouterr().err
    assert "unrecognized arguments: --\\x1b[2J\\x9b1m" in said and "\x1b" not in said


def test_classify_shows_file_and_class_names_on_one_line_each(tmp_path, capsys):
    classes = ("\x1b]0;title\x07", "two\nlines", "\u202egnp", "cat")
    make_run(RunStore(tmp_path / "runs"), "run", replace(INFO, classes=classes))
    image, broken = tmp_path / "a\x1b[31m\nb.png", tmp_path / "c\x1b[31m\nd.png"
    Image.new("RGB", (32, 32), "red").save(image)
    broken.write_bytes(b"no image")
    arguments = ["classify", image, broken, "--top-k", 4, "--runs", tmp_path / "runs"]
    assert main([str(argument) for argument in arguments]) == 1
    out, err = capsys.readouterr()
    assert out.count("\n") == 1 and "a\\x1b[31m\\x0ab.png: " in out
    assert all(name in out for name in ("\\x1b]0;title\\x07 ", "two\\x0alines ", "\\u202egnp ", "cat "))
    assert err.count("\n") == 3 and "c\\x1b[31m\\x0ad.png: " in err


# --- no stream refuses a character ----------------------------------------------------------------------------


def test_a_name_that_the_encoding_lacks_is_shown_as_an_escape(tmp_path, monkeypatch):
    make_run(RunStore(tmp_path / "runs"), "run", replace(INFO, classes=("café", "\udce9t\udce9", "犬", "cat")))
    image = tmp_path / "café.png"
    Image.new("RGB", (32, 32), "red").save(image)
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, encoding="ascii", errors="strict"))
    assert main(["classify", str(image), "--top-k", "4", "--runs", str(tmp_path / "runs")]) == 0
    said = shown.getvalue().decode("ascii")
    assert all(name in said for name in ("caf\\xe9.png: ", "caf\\xe9 ", "\\xe9t\\xe9 ", "\\u72ac "))


# --- what cannot be shown -------------------------------------------------------------------------------------


class Gone(io.TextIOBase):
    """A stream that takes nothing."""

    def __init__(self, number: int) -> None:
        self.error, self.written = OSError(number, os.strerror(number)), False

    def write(self, text):
        self.written = True
        raise self.error

    def flush(self):
        if self.written:
            raise self.error

    close = flush
    isatty = lambda self: True  # noqa: E731


@pytest.mark.parametrize("number", [errno.EIO, errno.EPIPE, errno.ENOSPC, errno.EBADF])
@pytest.mark.parametrize("flags", [[], ["--json"]], ids=["line", "json"])
def test_a_run_outlives_its_terminal(run, monkeypatch, number, flags):
    def work(self):
        yield Progress("starting")
        yield metric(2)
        yield epoch(1, 4)
        done.append(4)
        yield events.RunEnded(**PLACE, epoch=1, step=4, elapsed_s=2.0, outcome="finished")
        done.append("all")

    done = []
    monkeypatch.setattr(Worker, "work", work)
    monkeypatch.setattr(sys, "stderr", Gone(number))
    monkeypatch.setattr(sys, "stdout", Gone(number))
    status = main(["train", "--run", str(run.path), *flags])
    assert done == [4, "all"] and status == 0


def test_closed_streams_are_no_place_for_files(tmp_path):
    """Were they left closed, the next file would take the number of one, and messages would go into it."""
    program = """
import os, sys
from resnet_demo.cli.terminal import plain_streams
with plain_streams(), open(sys.argv[1], "w") as log:
    print("an answer", flush=True)
    print("a message", file=sys.stderr)
    os.write(1, b"of a library")
    os.write(2, b"of a library")
    log.write("kept")
"""
    log = tmp_path / "events.jsonl"
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", program, str(log)]
    assert subprocess.run(shell, cwd=ROOT, timeout=LONG).returncode == 0
    assert log.read_text() == "kept"


def test_an_answer_that_cannot_be_written_is_a_failure_with_its_cause(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Gone(errno.ENOSPC))
    make_run(RunStore(tmp_path), "run")
    assert main(["runs", "--runs", str(tmp_path)]) == 1
    assert capsys.readouterr().err == "resnet_demo: The output could not be written (No space left on device).\n"


@pytest.mark.parametrize("command", ["train", "runs"])  # whose help is longer, and shorter, than a stream's buffer
def test_a_reader_that_has_seen_enough_is_no_failure_to_speak_of(command, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # which leaves Python nothing to write as it ends
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "resnet_demo", command, "--help"]
    done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=LONG)
    os.close(writing)
    assert done.returncode in (0, 1) and done.stderr == ""


# --- before the command begins --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("package", "arguments"),
    [
        ("psutil", ["runs"]),
        ("filelock", ["runs"]),
        ("safetensors", ["classify", "a.png", "--checkpoint", "CHECKPOINT"]),
        ("torch", ["classify", "a.png", "--checkpoint", "CHECKPOINT"]),
        ("torch", ["describe"]),
        ("matplotlib", ["curves", "RUN", "--output", "a.png"]),
    ],
)
def test_a_missing_package_is_a_sentence(tmp_path, package, arguments):
    run = make_run(RunStore(tmp_path / "runs"), "run")
    run.append(metric(2))
    known = {"CHECKPOINT": run.model_path, "RUN": run.path}
    arguments = [known.get(argument, argument) for argument in arguments]
    done = run_python(f"import sys; sys.modules[{package!r}] = None; {MAIN}", *arguments)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and package in done.stderr
    assert done.stderr.startswith("resnet_demo: ") and "pip install -r requirements.txt" in done.stderr


def test_ctrl_c_while_the_commands_are_imported_says_nothing():
    program = f"""
import signal, sys
class PressedAt:
    def find_spec(self, name, path=None, target=None):
        if name == "resnet_demo.cli.train":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, PressedAt())
{MAIN}"""
    done = run_python(program, "describe")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")

"""Seconds from `python app.py` to its first answer, against an empty Gradio page, in alternation.

python -m benchmarks.first_paint [--rounds 5]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from benchmarks.machine import machine_line, spread
from benchmarks.running import ROOT, empty_page, free_port


def seconds_to_first_answer(command: list[str], port: int) -> float:
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                    answer.read()
                return time.perf_counter() - start
            except (urllib.error.URLError, ConnectionError):
                if process.poll() is not None:
                    raise SystemExit(f"{command[1]} ended before it answered") from None
                time.sleep(0.02)
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ours, empty = [], []
    with tempfile.TemporaryDirectory() as runs:
        for measured in range(options.rounds + 1):
            port = free_port()
            app = [sys.executable, "app.py", "--port", str(port), "--runs", runs]
            first = seconds_to_first_answer(app, port)
            port = free_port()
            second = seconds_to_first_answer([sys.executable, *empty_page(port)], port)
            if measured:  # the first round fills the disk's cache
                ours.append(first)
                empty.append(second)
    ratio = statistics.median(a / b for a, b in zip(ours, empty, strict=True))
    print(f"{machine_line()}; medians of {options.rounds} in alternation (lowest–highest).\n")
    print("| first answer after | seconds |\n|---|---|")
    print(f"| `python app.py` | {spread(ours)} |\n| an empty Gradio page | {spread(empty)} |\n| ratio | {ratio:.2f} |")


if __name__ == "__main__":
    main()

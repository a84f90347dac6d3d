"""The app as a person starts it, for benchmarks that look at its page."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil

ROOT = Path(__file__).parents[1]
START_TIMEOUT_S = 60.0


@contextmanager
def running_app(runs: Path) -> Iterator[tuple[str, psutil.Process]]:
    """`python app.py` over a folder of runs, which it leaves training when it ends: its address and its process."""
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port), "--runs", str(runs), "--keep-training"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    url, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + START_TIMEOUT_S
    try:
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("app.py does not answer")
            time.sleep(0.1)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except (URLError, ConnectionError, TimeoutError):
        return False

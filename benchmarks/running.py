"""The app as a person starts it, and an empty page, for benchmarks that look at them."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import psutil

ROOT = Path(__file__).parents[1]
START_TIMEOUT_S = 60.0
EMPTY_PAGE = (
    "import gradio as gr, sys\nwith gr.Blocks() as page: pass\npage.launch(server_port=int(sys.argv[1]), quiet=True)"
)


@contextmanager
def running_app(runs: Path) -> Iterator[tuple[str, psutil.Process]]:
    """`python app.py` over a folder of runs, which it leaves training when it ends: its address and its process."""
    with _serving(lambda port: ["app.py", "--port", str(port), "--runs", str(runs), "--keep-training"]) as app:
        yield app


@contextmanager
def running_empty_page() -> Iterator[tuple[str, psutil.Process]]:
    """A Gradio page with nothing on it, likewise."""
    with _serving(empty_page) as app:
        yield app


def empty_page(port: int) -> list[str]:
    """What follows `python` to serve it."""
    return ["-c", EMPTY_PAGE, str(port)]


@contextmanager
def _serving(arguments: Callable[[int], list[str]]) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    process = subprocess.Popen([sys.executable, *arguments(port)], cwd=ROOT, stdout=subprocess.DEVNULL)
    url, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + START_TIMEOUT_S
    try:
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{arguments(port)[0]} does not answer")
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

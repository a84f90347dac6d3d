"""The JavaScript heap of a page that is left open while a network trains: it must stay flat.

    python -m benchmarks.page_heap [--minutes 10] [--every 30]

Starts the app and a run on the handwritten digits, opens the page in Chromium (on the PATH; Playwright drives it), and
asks for the heap in use after a forced garbage collection. The slope is the least-squares line through all samples but
the first, in which the page still loads.
"""

import argparse
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.first_paint import ROOT, free_port
from benchmarks.machine import machine_line
from resnet_demo.training.config import preset_config
from resnet_demo.training.launcher import Launcher
from resnet_demo.training.runs import RunStore

START_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Sample:
    minutes: float  # since the page was opened
    heap_mb: float
    nodes: int  # of the document
    points: int  # logged by the run so far


@contextmanager
def training(runs: Path, data: Path):
    """A run that outlasts every measurement; gives its run directory."""
    launcher = Launcher(RunStore(runs), data)
    run = launcher.start(preset_config("tour", arch="resnet18", epochs=1000))
    try:
        yield run
    finally:
        launcher.stop()
        launcher.wait_until_idle(START_TIMEOUT_S)


@contextmanager
def app(runs: Path, data: Path):
    """`python app.py` over these runs; gives its address."""
    port = free_port()
    command = [sys.executable, "app.py", "--port", str(port), "--runs", runs, "--data-dir", data, "--keep-training"]
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    url, deadline = f"http://127.0.0.1:{port}/", time.monotonic() + START_TIMEOUT_S
    try:
        while not answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("app.py does not answer")
            time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@contextmanager
def chromium():
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    if not path:
        raise SystemExit("there is no Chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def sample(devtools, since: float, run) -> Sample:
    devtools.send("HeapProfiler.collectGarbage")
    used = devtools.send("Runtime.getHeapUsage")["usedSize"]
    nodes = devtools.send("Memory.getDOMCounters")["nodes"]
    return Sample((time.monotonic() - since) / 60, used / 1e6, nodes, len(run.view().metrics))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--every", type=float, default=30.0, metavar="SECONDS")
    options = parser.parse_args()
    print(f"{machine_line()}; one page, after a garbage collection each time.\n")
    print("| minutes | JavaScript heap, MB | nodes | points logged |\n|---|---|---|---|")
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory() as folder:
        runs, data = Path(folder) / "runs", Path(folder) / "data"
        with training(runs, data) as run, app(runs, data) as url, chromium() as browser:
            page = browser.new_page()
            page.goto(url)
            page.wait_for_selector("#status [data-status=training]", timeout=START_TIMEOUT_S * 1000)
            devtools, since = page.context.new_cdp_session(page), time.monotonic()
            while not samples or samples[-1].minutes < options.minutes:
                samples.append(sample(devtools, since, run))
                row = samples[-1]
                print(f"| {row.minutes:.1f} | {row.heap_mb:.2f} | {row.nodes:,} | {row.points:,} |", flush=True)
                page.wait_for_timeout(options.every * 1000)
    settled = samples[1:]
    if len(settled) < 2:
        raise SystemExit("too few samples for a slope: raise --minutes, or lower --every")
    slope = statistics.linear_regression([s.minutes for s in settled], [s.heap_mb for s in settled]).slope
    print(f"\nslope over {settled[-1].minutes - settled[0].minutes:.1f} minutes: {1000 * slope:+.0f} kB a minute")


if __name__ == "__main__":
    main()

"""What an open page takes of a Chromium, in percent of a core: an empty Gradio page, ours with a run at rest, and ours
while its run logs. Nothing trains; what a browser does to a training beside it: benchmarks/page_cost.py.

    python -m benchmarks.browser_cost [--rounds 3] [--seconds 20]
"""

import argparse
import itertools
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from benchmarks.machine import machine_line, spread
from benchmarks.page_cost import POINTS, logged_run, new_point
from benchmarks.running import running_app, running_empty_page
from benchmarks.visitors import chromium, cpu_s
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.store import RunStore

SETTLING_S = 14.0  # what a page fetches and draws at first, and Gradio's loading indicator at full speed, is over then
POINT_EVERY_S = 5.0  # as ResNet-50 logs ten steps of 128 images on two cores
SIZE = {"width": 1440, "height": 900}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="that are measured of each page")
    options = parser.parse_args()
    taken: dict[str, list[float]] = {"an empty Gradio page": [], "ours, a run at rest": [], "ours, a run that logs": []}
    empty, at_rest, logging = taken.values()
    with tempfile.TemporaryDirectory() as folder, running_empty_page() as (empty_url, _), chromium() as browser:
        if browser is None:
            raise SystemExit("There is no Chromium here, or no Playwright.")
        store = RunStore(Path(folder) / "runs")
        run, steps = logged_run(store), itertools.count(10 * POINTS + 10, 10)
        with running_app(store.folder) as (url, _):
            for _round in range(options.rounds):
                empty.append(percent_of_a_core(browser, empty_url, options.seconds))
                at_rest.append(percent_of_a_core(browser, url, options.seconds))
                with logging_on(run, steps):
                    logging.append(percent_of_a_core(browser, url, options.seconds))
    print(f"{machine_line()}; medians of {options.rounds} in alternation (lowest–highest).\n")
    print("| page | CPU of the Chromium, percent of a core | of an empty page's |\n|---|---|---|")
    for name, shares in taken.items():
        ratio = statistics.median(ours / theirs for ours, theirs in zip(shares, empty, strict=True))
        print(f"| {name} | {spread(shares)} | {ratio:.2f} |")


def percent_of_a_core(browser, url: str, seconds: float) -> float:
    """Of all of the browser's processes, with this page alone open and nobody at it."""
    page = browser.new_page(viewport=SIZE)
    page.goto(url)
    page.wait_for_timeout(1e3 * SETTLING_S)
    before, start = _browsers_cpu_s(), time.perf_counter()
    page.wait_for_timeout(1e3 * seconds)
    share = 100 * (_browsers_cpu_s() - before) / (time.perf_counter() - start)
    page.close()
    return share


@contextmanager
def logging_on(run: RunDirectory, steps: Iterator[int]) -> Iterator[None]:
    over = threading.Event()

    def log() -> None:
        while not over.wait(POINT_EVERY_S):
            run.append(new_point(next(steps)))

    thread = threading.Thread(target=log)
    thread.start()
    try:
        yield
    finally:  # or the thread, and with it this process, would never end
        over.set()
        thread.join()


def _browsers_cpu_s() -> float:
    """The servers are this process's children, too."""
    return cpu_s(psutil.Process().children(recursive=True), named="chrom")


if __name__ == "__main__":
    main()

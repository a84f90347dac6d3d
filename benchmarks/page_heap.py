"""The JavaScript heap of a page that is left open while a network trains: it must stay flat.

    python -m benchmarks.page_heap [--minutes 10] [--every 30]

Starts the app and a run on the handwritten digits, opens the page in Chromium (on the PATH; Playwright drives it), and
asks for the heap in use after a forced garbage collection. The slope is the least-squares line through all samples but
the first, in which the page still loads.
"""

import argparse
import statistics
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import machine_line
from benchmarks.running import START_TIMEOUT_S, running_app
from benchmarks.visitors import chromium
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.store import RunStore
from resnet_demo.workers.launcher import Launcher


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
        launcher.stop(run)
        launcher.wait_until_idle(START_TIMEOUT_S)


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
        with training(runs, data) as run, running_app(runs) as (url, _), chromium() as browser:
            if browser is None:
                raise SystemExit("Chromium and Playwright are needed (requirements-dev.txt).")
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

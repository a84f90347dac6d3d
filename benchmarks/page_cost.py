"""What the page costs: a worker's training images/s with no page, with one page open and with many, in alternation;
and the bytes and milliseconds of one tick of a page at 1,000 logged points, and of a page's opening.

    python -m benchmarks.page_cost [--steps 40] [--rounds 8] [--pages 20] [--write TABLE.md]

The app runs in all of them. The training is the worker's own loop (ResNet-50, `imagenet` stem, batch 128, random
images) at the priority that the page gives it; saves and evaluations lie outside the counted steps. Simulated pages
are HTTP clients on loopback that ask what a page asks at its own pace (benchmarks/visitors.py); a real Chromium draws,
too. Both are processes of their own, whose CPU time is measured and reported apart; on the machine of a training they
would mostly not run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from benchmarks.machine import machine_line, publish, spread
from benchmarks.running import ROOT, running_app
from benchmarks.visitors import Page
from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.snapshot import CURVES_S
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import CACHE_TTL_S
from resnet_demo.workers.launcher import WORKER_PRIORITY
from resnet_demo.workers.worker import Worker

BATCH_SIZE = 128
POINTS = 1000  # logged before a tick is measured
IMAGES = {"train": 12_800, "test": 256}  # random ones, for the training to chew on
SETTLING_S = 12.0  # pass uncounted after visitors have come or gone: each page fetches everything at first
PLACE = {"epoch": 1, "images_seen": 0, "elapsed_s": 1.0}


def main() -> None:
    options = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder) / "runs")
        run = logged_run(store)
        with running_app(store.folder) as (url, app), Visitors(url) as visitors:
            ticks = tick_table(url, app, run, options.ticks)
            training = trained_steps(Path(folder), store)
            rates = training_table(training, visitors, app, options) if options.rounds else []
    lines = [f"{machine_line()}.", "", *ticks, "", *rates]
    publish(lines, options.write)


# --- one tick -------------------------------------------------------------------------------------------------


def logged_run(store: RunStore) -> RunDirectory:
    """A run at rest with a long log."""
    run = store.create(preset_config("fast", epochs=30))
    run.append(
        events.RunStarted(
            **PLACE, step=0, time=time.time(), epochs=30, steps_per_epoch=375, train_images=48_000,
            validation_images=2000, test_images=10_000, classes=tuple("abcdefghij"), device="CPU",
        )
    )  # fmt: skip
    for step in range(10, 10 * POINTS + 1, 10):
        run.append(new_point(step))
    return run


def new_point(step: int) -> events.MetricsLogged:
    falling = 1 - step / (20 * POINTS)
    values = {"train_loss": 2.3 * falling, "train_accuracy": 1 - falling, "learning_rate": 0.1, "images_per_s": 200.0}
    return events.MetricsLogged(**PLACE, step=step, time=CURVES_S * step, **values)  # each worth a drawing


def tick_table(url: str, app: psutil.Process, run: RunDirectory, count: int) -> list[str]:
    page = Page(url)
    steps = iter(range(10 * POINTS + 10, 10**9, 10))
    kinds: dict[str, tuple[Callable[[], None], Callable[[], int]]] = {
        "unchanged": (lambda: None, page.tick),
        "changed: its last word": (
            lambda: run.append(events.RunPaused(**PLACE, step=10, time=time.time())),
            page.tick,
        ),
        "changed: a new point": (lambda: run.append(new_point(next(steps))), page.tick),
        "none: a page that opens, with all that it asks at first": (lambda: None, lambda: _opened(url)),
    }
    kinds["changed: its last word"][0]()  # the first changes the run's state as well
    time.sleep(CACHE_TTL_S + 0.05)  # so that the app looks again
    page.tick()
    _opened(url)  # the first brings torch along
    lines = [
        f"| a page's tick at {POINTS:,} points, n = {count} | bytes of the answers | ms at the page | "
        "ms of CPU in the app |",
        "|---|---|---|---|",
    ]
    for name, (change, ask) in kinds.items():
        sizes, waits, spent = [], [], 0.0
        for _ in range(count):
            change()
            time.sleep(CACHE_TTL_S + 0.05)
            cpu_s, start = _cpu_s(app), time.perf_counter()
            sizes.append(ask())
            waits.append(1e3 * (time.perf_counter() - start))
            spent += 1e3 * (_cpu_s(app) - cpu_s)
        lines.append(f"| {name} | {statistics.median(sizes):,.0f} | {spread(waits)} | {spent / count:.1f} |")
    return lines


def _opened(url: str) -> int:
    """A page that comes and looks once; the bytes that it was sent."""
    page = Page(url)
    return page.opening_bytes + page.tick()


# --- training with and without pages --------------------------------------------------------------------------


def trained_steps(folder: Path, store: RunStore) -> Iterator[float | None]:
    """The worker at work: seconds of each step, None for one with a save or an evaluation in it."""
    draw_images(folder / "images")
    config = preset_config("fast", data=f"folder:{folder / 'images'}", epochs=1000, batch_size=BATCH_SIZE)
    os.nice(WORKER_PRIORITY)
    last, disturbed = time.perf_counter(), True
    for event in Worker(store.create(config), folder / "data").work():
        if isinstance(event, events.RunEnded):
            raise SystemExit(f"The training ended: {event.message}")
        if isinstance(event, events.StepEnded) and event.phase == "training":
            now = time.perf_counter()
            yield None if disturbed else now - last
            last, disturbed = time.perf_counter(), False
        elif not isinstance(event, events.MetricsLogged):
            disturbed = True


def draw_images(folder: Path) -> None:
    """An image folder of noise in ten classes."""
    noise = np.random.default_rng(0)
    for part, count in IMAGES.items():
        for index in range(count):
            path = folder / part / str(index % 10) / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noise.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path, compress_level=0)


def training_table(
    steps: Iterator[float | None], visitors: "Visitors", app: psutil.Process, options: argparse.Namespace
) -> list[str]:
    conditions = {"0 pages": "no page", "1 pages": "one page, simulated"}
    if visitors.have_browser:
        conditions["1 browser"] = "one page, Chromium"
    conditions[f"{options.pages} pages"] = f"{options.pages} pages, simulated"
    rates: dict[str, list[float]] = {who: [] for who in conditions}
    app_share: dict[str, list[float]] = {who: [] for who in conditions}
    their_share: dict[str, list[float]] = {who: [] for who in conditions}
    late = dict.fromkeys(conditions, 0)
    for measured in range(options.rounds + 1):
        for who in conditions:
            visitors.become(who)
            settled = time.perf_counter() + SETTLING_S
            while time.perf_counter() < settled:
                next(steps)
            counted, cpu_s, start = [], _cpu_s(app), time.perf_counter()
            while len(counted) < options.steps:
                if (step_s := next(steps)) is not None:
                    counted.append(step_s)
            app_s, passed = _cpu_s(app) - cpu_s, time.perf_counter() - start
            said = visitors.become("0 pages")
            if measured:  # the first round warms up
                rates[who].append(BATCH_SIZE * options.steps / sum(counted))
                app_share[who].append(100 * app_s / passed)
                their_share[who].append(100 * said["cpu_s"] / said["seconds"])
                late[who] += said["late"]
    lines = [
        f"Medians of {options.rounds} rounds of {options.steps} steps in alternation (lowest–highest); CPU time in "
        "percent of one core.",
        "",
        "| who looks | training images/s | of that with no page | CPU, the app | CPU, who looks | ticks too late |",
        "|---|---|---|---|---|---|",
    ]
    for who, name in conditions.items():
        ratio = statistics.median(a / b for a, b in zip(rates[who], rates["0 pages"], strict=True))
        lines.append(
            f"| {name} | {spread(rates[who])} | {100 * ratio:.1f} % | {statistics.median(app_share[who]):.1f} | "
            f"{statistics.median(their_share[who]):.1f} | {late[who]} |"
        )
    return lines


# --- who looks -------------------------------------------------------------------------------------------------


class Visitors:
    """The process of those who look."""

    def __init__(self, url: str) -> None:
        command = [sys.executable, "-m", "benchmarks.visitors", url]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.have_browser = self._answer()["browser"]
        self._since = time.perf_counter()

    def become(self, who: str) -> dict:
        """Send away who looks and let others come; gives what is said of those who have gone."""
        seconds = time.perf_counter() - self._since
        self._process.stdin.write(who + "\n")
        self._process.stdin.flush()
        said = self._answer()
        self._since = time.perf_counter()
        return {**said, "seconds": seconds}

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("The visitors' process has ended; its last words stand above.")
        return json.loads(line)

    def __enter__(self) -> "Visitors":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.wait()


def _cpu_s(process: psutil.Process) -> float:
    return sum(process.cpu_times()[:2])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--steps", type=int, default=40, help="steps in a round")
    parser.add_argument("--rounds", type=int, default=8, help="0 leaves the training out")
    parser.add_argument("--pages", type=int, default=20, help="simulated pages")
    parser.add_argument("--ticks", type=int, default=30, help="of each kind that are measured")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the tables to this file, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()

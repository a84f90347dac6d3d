"""What a snapshot costs over many runs, and the first one of a long log.

    python -m benchmarks.many_runs [--runs 1000] [--points 2000000] [--write TABLE.md]

All but one of the runs have ended; in the second row the last one is held by a living worker, here by this process. A
tick is what a page asks every two seconds: the snapshot, and the versions of each part of the page.
"""

import argparse
import os
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.machine import machine_line, publish
from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import NEWEST, Watcher
from resnet_demo.runs.worker_files import Progress
from resnet_demo.ui.html.runs_table import version_of

TICKS = 50
PLACE = {"epoch": 1, "images_seen": 1280, "elapsed_s": 5.0}
LONG_AGO_S = 60.0
POINT = (
    '{"event":"MetricsLogged","time":%.3f,"epoch":1,"step":%d,"images_seen":%d,"elapsed_s":%.3f,'
    '"train_loss":1.2345678901234567,"train_accuracy":0.512345678901,"learning_rate":0.0012345678,'
    '"images_per_s":173.123456789,"gradient_norm":1.23456789012}\n'
)


def ended_runs(store: RunStore, count: int) -> None:
    for _ in range(count):
        run = store.create(preset_config("tour"))
        for step in range(10, 310, 10):
            run.append(point(step))
        run.append(events.RunEnded(**PLACE, time=time.time(), step=300, outcome="finished"))
        for path in (*run.path.iterdir(), run.path):
            os.utime(path, (time.time() - LONG_AGO_S,) * 2)


def point(step: int) -> events.MetricsLogged:
    values = {"train_loss": 1.0, "train_accuracy": 0.5, "learning_rate": 0.1, "images_per_s": 100.0}
    return events.MetricsLogged(**PLACE, time=time.time(), step=step, **values)


def cost_ms(work: Callable[[], object]) -> tuple[float, float]:
    """CPU of this process and wall time."""
    cpu_s, start = time.process_time(), time.perf_counter()
    work()
    return 1e3 * (time.process_time() - cpu_s), 1e3 * (time.perf_counter() - start)


def tick(watcher: Watcher) -> None:
    snapshot = watcher.snapshot(now=True)
    snapshot.version_of(snapshot.shown(NEWEST))
    assert snapshot.checkpoints and version_of(snapshot, "")


def many(folder: Path, count: int) -> list[str]:
    store = RunStore(folder)
    ended_runs(store, count - 1)
    run = store.create(preset_config("tour"))
    watcher = Watcher(store)
    lines = [f"| {count:,} runs | CPU, ms | wall time, ms |", "|---|---|---|"]
    lines.append("| the first snapshot | {:.0f} | {:.0f} |".format(*cost_ms(lambda: tick(watcher))))
    lines.append(row(f"a tick, all at rest, median of {TICKS}", [cost_ms(lambda: tick(watcher)) for _ in range(TICKS)]))
    with store.training(run):
        costs = []
        for step in range(TICKS):
            run.append(point(310 + 10 * step))
            run.write_progress(Progress("training", step, TICKS, step=step, time=time.time()))
            costs.append(cost_ms(lambda: tick(watcher)))
    lines.append(row(f"a tick while one trains, median of {TICKS}", costs))
    lines.append("| who trains (`RunStore.active`) | {:.1f} | {:.1f} |".format(*cost_ms(store.active)))
    return lines


def row(name: str, costs: list[tuple[float, float]]) -> str:
    cpu_ms, wall_ms = (statistics.median(one) for one in zip(*costs, strict=True))
    return f"| {name} | {cpu_ms:.1f} | {wall_ms:.1f} |"


def long_log(folder: Path, points: int) -> list[str]:
    """The looks of other pages are measured while the log is read."""
    store = RunStore(folder)
    run, other = store.create(preset_config("tour")), store.create(preset_config("tour"))
    other.append(point(10))
    with run.events_path.open("w", encoding="utf-8") as log:
        log.writelines(POINT % (1.7e9 + step, step * 10, step * 640, float(step)) for step in range(1, points + 1))
    before, watcher = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, Watcher(store)
    cpu_s, start, waits = time.process_time(), time.perf_counter(), []
    while not waits or watcher.snapshot().shown(run.id).is_partial:
        waits.append(cost_ms(lambda: watcher.snapshot(now=True))[1])
        threading.Event().wait(0.1)
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_s
    more_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    kept = len(watcher.snapshot(now=True).shown(run.id).view.metrics)
    return [
        f"| a log of {points:,} points, {run.events_path.stat().st_size / 1e6:.0f} MB | |",
        "|---|---|",
        f"| CPU until its curves are whole, s | {cpu_s:.1f} |",
        f"| wall time until then, s | {seconds:.1f} |",
        f"| points kept | {kept:,} |",
        f"| memory more at the peak, MB | {more_mb:.0f} |",
        f"| the first snapshot waits, ms | {waits[0]:.0f} |",
        f"| the other looks meanwhile ({len(waits) - 1}) wait, ms, median and longest "
        f"| {statistics.median(waits[1:] or waits):.1f}, {max(waits[1:] or waits):.0f} |",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--points", type=int, default=2_000_000)
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the tables to this file, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            f"{machine_line()}.",
            "",
            *many(Path(folder) / "many", options.runs),
            "",
            *long_log(Path(folder) / "long", options.points),
        ]
    publish(lines, options.write)


if __name__ == "__main__":
    main()

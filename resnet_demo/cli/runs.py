"""runs: the runs of a folder, as the page lists them."""

import argparse
import json
import sys
from pathlib import Path

from resnet_demo.cli.command import RUNS_DIR, add_command
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Snapshot, Watcher
from resnet_demo.text import columns, percent, printable


def add_runs(commands) -> None:
    runs = add_command(commands, "runs", runs_command, "List all runs with their ids, states and titles, newest first.")
    runs.add_argument("--runs", type=Path, default=RUNS_DIR, metavar="DIR", help="the folder that holds runs")
    runs.add_argument("--json", action="store_true", help="one JSON object per run, one per line")


def runs_command(options: argparse.Namespace) -> int:
    """Runs that cannot be opened are named on stderr, and the exit status is 1."""
    snapshot = Watcher(RunStore(options.runs)).whole_snapshot()
    if options.json:
        for run in snapshot.runs:
            print(json.dumps(_facts(run)))
    else:
        print_table([("run", "status", "epochs", "test", "title"), *map(_cells, snapshot.runs)])
    for problem in snapshot.unreadable:
        print(f"resnet_demo: {problem}", file=sys.stderr)
    if not snapshot.runs and not snapshot.unreadable:
        print(f"There are no runs in '{options.runs}'.", file=sys.stderr)
    return 1 if snapshot.unreadable else 0


def _facts(snapshot: Snapshot) -> dict:
    view, config = snapshot.view, snapshot.config
    return {
        "run": snapshot.run.id,
        "title": snapshot.title,
        "status": snapshot.status,
        "data": config.data,
        "arch": config.arch,
        "stem": config.stem,
        "epoch": len(view.epochs),  # that have ended
        "epochs": config.epochs,
        "step": view.last.step if view.last else 0,
        "test_accuracy": view.test_accuracy,
    }


def _cells(snapshot: Snapshot) -> tuple[str, ...]:
    epochs = f"{len(snapshot.view.epochs)} of {snapshot.config.epochs}"
    accuracy = percent(snapshot.view.test_accuracy)
    return printable(snapshot.run.id), snapshot.status, epochs, accuracy, printable(snapshot.title)


def print_table(rows: list[tuple[str, ...]]) -> None:
    """The first row heads the others; alone it is not printed."""
    if len(rows) == 1:
        return
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)).rstrip())

"""What pause, resume, stop, discard and queue share: how a run is found, how long its worker is waited for, and what
is said of it."""

import argparse
import sys
import time
from pathlib import Path

from resnet_demo.cli.command import POLL_S, RUNS_DIR, CommandError, add_command
from resnet_demo.runs import events
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.queue import Queue
from resnet_demo.runs.store import RunStore
from resnet_demo.text import printable

TIMEOUT_S = 120.0  # a step may be long, and saving to a slow disk, too


def add_control(commands, name: str, run, help: str) -> argparse.ArgumentParser:
    command = add_command(commands, name, run, help)
    command.add_argument("run", metavar="RUN", help="the run's id, or the path of its folder")
    command.add_argument("--runs", type=Path, default=RUNS_DIR, metavar="DIR", help="the folder that holds runs")
    return command


def find_run(options: argparse.Namespace) -> RunDirectory:
    """By its id, or else by its path. Raises CommandError."""
    store, folder = RunStore(options.runs), RunDirectory.at(Path(options.run))
    known = {run.id: run for run in store.runs()}
    run = known.get(printable(options.run)) or (folder if folder.exists() else None)
    if run is None:
        raise CommandError(
            f"There is no run '{options.run}' in '{options.runs}', and that is not the path of a run's folder."
        )
    return run


def end_training(run: RunDirectory, wanted: str) -> int:
    """Ask the worker to save and end, wait until it has let go, and say how it ended."""
    if not run.is_alive():
        raise CommandError(f"'{run.id}' is not training now.")
    deadline = give_up_at()
    run.ask(wanted)
    while run.is_alive():
        wait_a_moment(run, deadline)
    if not run.exists():
        raise CommandError(f"'{run.id}' was deleted meanwhile.")
    view = run.view()
    match view.last:
        case events.RunPaused(step=step):
            print_result(f"'{run.id}' is {'saved and ' if view.saved else ''}paused at step {step:,}.")
        case events.RunEnded(outcome="failed", message=message):
            raise CommandError(message)
        case events.RunEnded(outcome=outcome, message=message, step=step):
            print_result(f"'{run.id}' is {outcome} at step {step:,}. {message}".strip())
        case _:
            raise CommandError(f"The process that trained '{run.id}' ended without saving. Resume or discard the run.")
    return 0


def give_up_at() -> float:
    """On the monotonic clock: for `wait_a_moment`."""
    return time.monotonic() + TIMEOUT_S


def wait_a_moment(run: RunDirectory, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise CommandError(
            f"'{run.id}' is still training after {TIMEOUT_S:.0f} s. It will end when its current step is done."
        )
    time.sleep(POLL_S)


def place_text(run: RunDirectory) -> str:
    """'X' is 2 of 3 in the queue."""
    ids = Queue(run.path.parent).ids()
    if run.path.name not in ids:
        return f"'{run.id}' does not wait in the queue any more."
    return f"'{run.id}' is {ids.index(run.path.name) + 1} of {len(ids)} in the queue."


def print_result(text: str) -> None:
    print(text, file=sys.stderr)

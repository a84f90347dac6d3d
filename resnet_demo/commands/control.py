"""pause, resume, stop and discard: what the page's buttons do, to a run of any process."""

import argparse
import sys
import time
from pathlib import Path

from resnet_demo.commands.command import DATA_DIR, RUNS_DIR, CommandError, add_command
from resnet_demo.commands.train import add_foreground_flags, train_along, train_in_foreground
from resnet_demo.training import events
from resnet_demo.training.launcher import Launcher
from resnet_demo.training.parallel import is_first
from resnet_demo.training.run_store import RunStore
from resnet_demo.training.runs import PAUSE, STOP, RunDirectory

TIMEOUT_S = 120.0  # a step may be long, and saving to a slow disk, too
POLL_S = 0.1


def add_pause(commands) -> None:
    _add(commands, "pause", pause_command, "Let a training save and end; resume goes on with it.")


def add_resume(commands) -> None:
    resume = _add(commands, "resume", resume_command, "Go on with a paused, interrupted or failed run, here.")
    add_foreground_flags(resume)


def add_stop(commands) -> None:
    _add(commands, "stop", stop_command, "Let a training save and be over.")


def add_discard(commands) -> None:
    _add(commands, "discard", discard_command, "End a run without saving, where it trains, and delete its folder.")


def _add(commands, name: str, run, help: str) -> argparse.ArgumentParser:
    command = add_command(commands, name, run, help)
    command.add_argument("run", metavar="RUN", help="the run's id, or the path of its folder")
    command.add_argument("--runs", type=Path, default=RUNS_DIR, metavar="DIR", help="the folder that holds runs")
    return command


def pause_command(options: argparse.Namespace) -> int:
    return _end_training(_find(options), PAUSE)


def stop_command(options: argparse.Namespace) -> int:
    return _end_training(_find(options), STOP)


def resume_command(options: argparse.Namespace) -> int:
    if not is_first():
        return train_along()
    run = _find(options)
    view = run.view()
    if view.is_over:
        raise CommandError(
            f"The run '{run.id}' is {view.ended.outcome}, so there is nothing to resume. A new run can go on from its "
            f"weights: train --start-from run:{run.id}"
        )
    return train_in_foreground(run, options.data_dir, options.json)


def discard_command(options: argparse.Namespace) -> int:
    run = _find(options)
    launcher = Launcher(RunStore(run.path.parent), DATA_DIR)
    deadline = time.monotonic() + TIMEOUT_S
    while run.exists():
        launcher.discard(run)
        _wait(run, deadline)
    _say(f"'{run.id}' is deleted.")
    return 0


def _find(options: argparse.Namespace) -> RunDirectory:
    """By its id, or else by its path. Raises CommandError."""
    store, folder = RunStore(options.runs), RunDirectory.at(Path(options.run))
    known = {run.id: run for run in store.runs()}
    run = known.get(options.run) or (folder if folder.exists() else None)
    if run is None:
        raise CommandError(f"There is no run '{options.run}' in '{options.runs}', and no folder of a run by that path.")
    return run


def _end_training(run: RunDirectory, wanted: str) -> int:
    """Ask the worker to save and end, wait until it has let go, and say how it ended."""
    if not run.is_alive():
        raise CommandError(f"'{run.id}' is not training now.")
    deadline = time.monotonic() + TIMEOUT_S
    run.ask(wanted)
    while run.is_alive():
        _wait(run, deadline)
    view = run.view()
    match view.last:
        case events.RunPaused(step=step):
            _say(f"'{run.id}' is {'saved and ' if view.saved else ''}paused at step {step:,}.")
        case events.RunEnded(outcome="failed", message=message):
            raise CommandError(message)
        case events.RunEnded(outcome=outcome, message=message, step=step):
            _say(f"'{run.id}' is {outcome} at step {step:,}. {message}".strip())
        case _:
            raise CommandError(
                f"The process that trained '{run.id}' is gone without having saved. Resume or discard it."
            )
    return 0


def _wait(run: RunDirectory, deadline: float) -> None:
    if time.monotonic() > deadline:
        raise CommandError(f"'{run.id}' still trains after {TIMEOUT_S:.0f} s. It ends by itself once its step is done.")
    time.sleep(POLL_S)


def _say(text: str) -> None:
    print(text, file=sys.stderr)

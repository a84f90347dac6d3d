"""train: make a run, or go on with one, and show it in the terminal."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from resnet_demo.cli.command import DATA_DIR, POLL_S, RUNS_DIR, CommandError, add_command
from resnet_demo.cli.control import place_text, print_result
from resnet_demo.cli.progress_line import ProgressLine
from resnet_demo.cli.terminal import OutputError, give_up_stdout
from resnet_demo.errors import UserError
from resnet_demo.models.checkpoint_info import open_checkpoint
from resnet_demo.runs import events
from resnet_demo.runs.config import (
    FORMER_NAMES,
    FORMER_SCHEDULES,
    FROM_FILE,
    PRESETS,
    TrainConfig,
    absolute_source,
    by_todays_names,
    preset_config,
)
from resnet_demo.runs.deletion import discard_unborn
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.queue import Queue
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.text import event_line
from resnet_demo.runs.worker_files import PAUSE, Progress
from resnet_demo.training.distributed import (
    ProcessLost,
    init_distributed,
    is_rank_zero,
    is_under_torchrun,
    torchrun_command,
)
from resnet_demo.workers.launcher import Launcher, SecondError, kill_tree
from resnet_demo.workers.priority import give_session_own_niceness
from resnet_demo.workers.signals import PauseSignals


def add_train(commands) -> None:
    train = add_command(
        commands, "train", train_command, "Train a network. Ctrl-C saves and pauses; the same --run continues."
    )
    where = train.add_mutually_exclusive_group()
    where.add_argument(
        "--run", type=Path, metavar="DIR", help="the run's folder: a new one, or an unfinished run to continue"
    )
    where.add_argument("--runs", type=Path, default=RUNS_DIR, metavar="DIR", help="the folder that holds runs")
    train.add_argument(
        "--later", action="store_true", help="only plan it: it is trained when its turn in the queue comes"
    )
    add_foreground_flags(train)
    for setting in fields(TrainConfig):
        _add_setting(train, setting)


def add_foreground_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data-dir", type=Path, default=DATA_DIR, metavar="DIR", help="the folder for downloads")
    command.add_argument("--json", action="store_true", help="one event per line, as JSON, instead of a progress line")


def _add_setting(command: argparse.ArgumentParser, setting) -> None:
    """A flag for a field of TrainConfig; absent means: as the preset says. What earlier versions called it is taken,
    and not shown."""
    default = "fast" if setting.name == "preset" else "the preset's"
    about: dict[str, Any] = {"dest": setting.name, "default": None}
    if isinstance(setting.default, bool):
        about["action"] = argparse.BooleanOptionalAction
    else:
        about["type"] = _todays_schedule if setting.name == "schedule" else type(setting.default)
        about["choices"] = tuple(PRESETS) if setting.name == "preset" else setting.metadata["choices"]
    help = f"{setting.metadata['help']} (default: {default})".replace("%", "%%")
    command.add_argument(_flag(setting.name), help=help, **about)
    for former, today in FORMER_NAMES.items():
        if today == setting.name:
            command.add_argument(_flag(former), help=argparse.SUPPRESS, **about)


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _todays_schedule(typed: str) -> str:
    return FORMER_SCHEDULES.get(typed, typed)


def train_command(options: argparse.Namespace) -> int:
    if options.later:
        return _plan(options)
    if not is_rank_zero():
        return train_nonzero_rank()
    is_new = options.run is None or not RunDirectory.at(options.run).exists()
    run = _open_or_create(options)
    try:
        return train_in_foreground(run, options.data_dir, options.json)
    finally:
        if is_new:  # one that was there before stays, whatever refuses to go on with it
            discard_unborn(RunStore(run.path.parent), run)


def _plan(options: argparse.Namespace) -> int:
    """Prints the id and the place in the queue; a run that is there already is planned to go on."""
    if is_under_torchrun():
        raise CommandError("Under torchrun nothing is planned: set --processes, and leave torchrun out.", code=2)
    if options.json or options.data_dir != DATA_DIR:
        raise CommandError(
            "--later only plans the run, and whoever starts it says where and how. Leave --data-dir and --json out.",
            code=2,
        )
    store = RunStore(RunDirectory.at(options.run).path.parent if options.run else options.runs)
    with Launcher(store, options.data_dir).planning():
        run = _open_or_create(options, is_planned=True)
        run.refuse_if_shipped()
        if run.is_alive() or run.view().is_over:
            raise CommandError(f"'{run.id}' {'is training' if run.is_alive() else 'has ended'}, so it is not planned.")
        Queue(store.folder).add(run)
    print(run.id)
    print_result(place_text(run))
    return 0


def train_in_foreground(
    run: RunDirectory,
    data_dir: Path,
    json: bool,
    reopen: bool = False,
    changes: Mapping[str, Any] = MappingProxyType({}),
) -> int:
    """Train to the end or until Ctrl-C, and say how it ended; returns the exit status. `reopen` lets a stopped run go
    on, `changes` are as a Worker's."""
    from resnet_demo.workers.worker import Worker

    goes_on = reopen or not run.view().is_over
    if goes_on and run.config().processes > 1 and not is_under_torchrun():
        return _train_under_torchrun(run, data_dir, json, changes)
    give_session_own_niceness()
    worker = Worker(run, data_dir, reopen, changes)
    worker.signals.install()
    show = _print_json if json else _print_progress
    try:
        last = show(worker.work())
    except ProcessLost as error:
        raise CommandError(str(error)) from error
    if last is not None and not worker.signals.came and not is_under_torchrun():  # there its starter goes on
        _start_next(run, data_dir)
    return _end(run, last, json)


def _start_next(ended: RunDirectory, data_dir: Path) -> None:
    """Start the next planned run as a process of its own, which outlives this one; nothing where the queue is held.
    What goes wrong is said, and changes nothing about the run that has ended."""
    launcher = Launcher(RunStore(ended.path.parent), data_dir)
    try:
        if not launcher.goes_on_after(ended):
            return
        Queue(launcher.store.folder).remove(ended)  # in vain at its start, where the queue could not be written
        following = launcher.start_next()
    except SecondError:  # another was quicker; its end goes on with the queue
        return
    except (UserError, OSError) as error:
        print(f"The queue is held, since its next run could not be started. {error}", file=sys.stderr)
        return
    if following:
        print(f"The queue goes on with '{following.id}'.", file=sys.stderr)


def _train_under_torchrun(run: RunDirectory, data_dir: Path, json: bool, changes: Mapping[str, Any]) -> int:
    """Start torchrun and wait for it. It is in a session of its own, so that Ctrl-C and a lost terminal reach this
    process alone, which asks the run to pause as the page does: torchrun itself would answer a signal with a traceback
    and kill after 30 s what is still saving."""
    processes = run.config().processes
    arguments = ["resume", str(run.path), "--data-dir", str(data_dir)] + ["--json"] * json
    for name, value in changes.items():
        arguments += [f"--{name}", value]
    threads = str(max(1, (os.cpu_count() or 1) // processes))  # torchrun would take 1, and say so at length
    signals = PauseSignals(second=lambda *_: kill_tree(torchrun.pid))
    signals.install()
    torchrun = subprocess.Popen(
        torchrun_command(processes, arguments),
        env={"OMP_NUM_THREADS": threads, **os.environ},
        start_new_session=True,
    )
    while torchrun.poll() is None:
        if signals.came:
            with suppress(OSError):  # its folder is gone or full: the worker finds out, too
                run.ask(PAUSE)  # again and again: what was asked before the worker lived is not heard
        with suppress(subprocess.TimeoutExpired):
            torchrun.wait(POLL_S)
    if not signals.came:
        _start_next(run, data_dir)
    if torchrun.returncode:
        return 1  # torchrun and its processes have said why
    return 130 if run.exists() and run.view().paused else 0


def train_nonzero_rank() -> int:
    """What every process but the first does where torchrun has started several."""
    from resnet_demo.workers.failures import failure_sentence
    from resnet_demo.workers.nonzero_rank import run_nonzero_rank

    give_session_own_niceness()
    signals, processes = PauseSignals(), init_distributed()
    signals.install()  # not before: whoever waits for the others to come may be ended
    try:
        run_nonzero_rank(processes, signals)
    except Exception as error:
        if sentence := failure_sentence(error):
            raise CommandError(sentence) from error
        raise
    return 0


def _open_or_create(options: argparse.Namespace, is_planned: bool = False) -> RunDirectory:
    given = {f.name: getattr(options, f.name) for f in fields(TrainConfig)}
    given = by_todays_names({name: value for name, value in given.items() if value is not None})
    if "data" in given:
        given["data"] = absolute_source(given["data"])
    first_weights = _file_to_start_from(given)
    run = RunDirectory.at(options.run) if options.run else None
    if run is None or not run.exists():
        config = preset_config(**{"preset": "fast", **given})
        store = RunStore(run.path.parent if run else options.runs)
        return store.create(config, run.path.name if run else None, first_weights, is_planned)
    own = run.config().to_dict() if given else {}  # the same once more is allowed: torchrun restarts by the same words
    if others := [name for name, value in given.items() if value != own[name]]:
        names = ", ".join(map(_flag, others))
        moved = f" Where its images have moved: resume {run.path} --data folder:PATH." if "data" in others else ""
        raise CommandError(f"'{run.id}' exists and continues with its own settings; leave out {names}.{moved}", code=2)
    return run


def _file_to_start_from(given: dict[str, Any]) -> Path | None:
    """The file of `--start-from file:PATH`, whose place in the settings is taken by the run's own copy. Raises
    CheckpointError where it is no safetensors file."""
    named, _, path = given.get("start_from", "").partition(":")
    if named != FROM_FILE or not path:
        return None
    given["start_from"] = FROM_FILE
    file = Path(path).expanduser()
    with open_checkpoint(file, "numpy"):
        return file


def _end(run: RunDirectory, last: events.Event | None, quiet: bool) -> int:
    """Say how it ended and what can be done next."""
    if isinstance(last, events.RunPaused):
        if not quiet:
            done = "Saved" if run.view().saved else "Paused before anything was saved"
            print(f"{done}. Continue with: python -m resnet_demo train --run {run.path}", file=sys.stderr)
        return 0 if is_under_torchrun() else 130  # torchrun takes all but 0 for a death, and would start again
    if isinstance(last, events.RunEnded) and last.outcome == "failed":
        raise CommandError(last.message)
    if last is None and not quiet:
        print(f"The run '{run.id}' has ended already.", file=sys.stderr)
    return 0


def _print_json(work: Iterator[events.Event | Progress]) -> events.Event | None:
    """Whoever reads may go: the run goes on, and its log has every line."""
    last = None
    for event in work:
        if isinstance(event, events.Event) and not isinstance(event, events.StepEnded):
            try:
                print(events.to_line(event), flush=True)
            except OutputError:
                give_up_stdout()
            last = event
    return last


def _print_progress(work: Iterator[events.Event | Progress]) -> events.Event | None:
    """A line that is overwritten on a terminal; only the lines that stay where there is none."""
    last = None
    with ProgressLine() as line:
        for event in work:
            if isinstance(event, Progress | events.StepEnded | events.MetricsLogged):
                line.show(event)
                continue
            failed = isinstance(event, events.RunEnded) and event.outcome == "failed"  # said once, by `main`
            if not failed and (text := event_line(event)):
                line.write(text)
            last = event
    return last

"""train: make a run, or go on with one, and show it in the terminal."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from resnet_demo.commands.command import DATA_DIR, RUNS_DIR, CommandError, add_command
from resnet_demo.training import events
from resnet_demo.training.config import PRESETS, TrainConfig, preset_config
from resnet_demo.training.runs import Progress, RunDirectory, RunStore


def add_train(commands) -> None:
    train = add_command(commands, "train", train_command, "Train a network; Ctrl-C saves, the same --run goes on.")
    where = train.add_mutually_exclusive_group()
    where.add_argument("--run", type=Path, metavar="DIR", help="make this run, or go on with it where it is unfinished")
    where.add_argument("--runs", type=Path, default=RUNS_DIR, metavar="DIR", help="the folder that holds runs")
    train.add_argument("--data-dir", type=Path, default=DATA_DIR, metavar="DIR", help="where downloaded data are kept")
    train.add_argument("--json", action="store_true", help="one event a line, as JSON, instead of a progress bar")
    for setting in fields(TrainConfig):
        _add_setting(train, setting)


def _add_setting(command: argparse.ArgumentParser, setting) -> None:
    """A flag for a field of TrainConfig; absent means: as the preset says."""
    flag = "--" + setting.name.replace("_", "-")
    help = f"{setting.metadata['help']} (default {setting.default})".replace("%", "%%")
    if setting.name == "preset":
        command.add_argument(flag, choices=tuple(PRESETS), default="fast", help=help)
    elif isinstance(setting.default, bool):
        command.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=help)
    else:
        choices = setting.metadata["choices"]
        command.add_argument(flag, type=type(setting.default), default=None, choices=choices, help=help)


def train_command(options: argparse.Namespace) -> int:
    from resnet_demo.training.worker import Worker

    given = {f.name: getattr(options, f.name) for f in fields(TrainConfig) if f.name != "preset"}
    given = {name: value for name, value in given.items() if value is not None}
    run = _open_or_create(options, given)
    worker = Worker(run, options.data_dir)
    worker.stop_on_signals()
    show = _print_json if options.json else _print_bar
    last = show(worker.work())
    return _end(run, last, options.json)


def _open_or_create(options: argparse.Namespace, given: dict) -> RunDirectory:
    if options.run is None:
        return RunStore(options.runs).create(preset_config(options.preset, **given))
    run = RunDirectory(options.run.resolve())
    if not run.exists():
        return RunStore(run.path.parent).create(preset_config(options.preset, **given), name=run.path.name)
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise CommandError(f"'{run.id}' exists and goes on with its own settings; leave out {names}.", code=2)
    return run


def _end(run: RunDirectory, last: events.Event | None, quiet: bool) -> int:
    """Say how it ended and what can be done next."""
    if isinstance(last, events.RunPaused):
        if not quiet:
            print(f"Saved. Go on with: python -m resnet_demo train --run {run.path}", file=sys.stderr)
        return 130
    if isinstance(last, events.RunEnded) and last.outcome == "failed":
        raise CommandError(last.message)
    if last is None and not quiet:
        print(f"The run '{run.id}' has ended already.", file=sys.stderr)
    return 0


def _print_json(work: Iterator[events.Event | Progress]) -> events.Event | None:
    last = None
    for event in work:
        if isinstance(event, events.Event) and not isinstance(event, events.StepEnded):
            print(events.to_line(event), flush=True)
            last = event
    return last


def _print_bar(work: Iterator[events.Event | Progress]) -> events.Event | None:
    """A bar that overwrites itself on a terminal; only the lines that stay where there is none."""
    from resnet_demo.ui.present import bar_line, event_line

    last, on_terminal = None, sys.stderr.isatty()
    for event in work:
        if isinstance(event, Progress | events.StepEnded | events.MetricsLogged):
            if on_terminal:
                print(f"\r\033[K{bar_line(event)}", end="", file=sys.stderr, flush=True)
            continue
        if text := event_line(event):
            print(("\r\033[K" if on_terminal else "") + text, file=sys.stderr, flush=True)
        last = event
    return last

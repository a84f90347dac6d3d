"""`python -m resnet_demo train|classify|evaluate|describe`: what the page does, from a terminal.

Exit codes: 0 done, 1 it failed (one line on stderr), 2 a wrong call, 130 ended by Ctrl-C after saving.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

from resnet_demo.data.dataset import DataError
from resnet_demo.models.catalog import ARCHITECTURES, STEMS
from resnet_demo.training import events
from resnet_demo.training.config import PRESETS, ConfigError, TrainConfig, preset_config
from resnet_demo.training.model_info import CheckpointError
from resnet_demo.training.runs import Progress, RunDirectory, RunError, RunStore

RUNS_DIR, DATA_DIR = Path("checkpoints"), Path("data")


class CommandError(RuntimeError):
    """What a person reads on stderr; `code` is the exit status."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    options = parser().parse_args(arguments)
    try:
        return options.command(options)
    except CommandError as error:
        print(f"resnet_demo: {error}", file=sys.stderr)
        return error.code
    except (ConfigError, RunError, CheckpointError, DataError) as error:
        print(f"resnet_demo: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `… | head` has seen enough
        sys.stderr.close()
        return 1


def parser() -> argparse.ArgumentParser:
    # Imports this module, so not at its top.
    from resnet_demo.cli_inference import add_classify, add_evaluate

    top = argparse.ArgumentParser(prog="python -m resnet_demo", description=__doc__, allow_abbrev=False)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    _add_train(commands)
    add_classify(commands)
    add_evaluate(commands)
    _add_describe(commands)
    return top


def add_command(commands, name: str, run, help: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
    command.set_defaults(command=run)
    return command


# --- train ----------------------------------------------------------------------------------------------------


def _add_train(commands) -> None:
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


# --- describe -------------------------------------------------------------------------------------------------


def _add_describe(commands) -> None:
    describe = add_command(
        commands, "describe", describe_command, "A network by stages: shapes, parameters, multiply-adds."
    )
    describe.add_argument("--arch", choices=tuple(ARCHITECTURES), default="resnet50")
    describe.add_argument("--stem", choices=tuple(STEMS), default="imagenet")
    describe.add_argument("--input-size", type=int, default=32, metavar="PIXELS")
    describe.add_argument("--classes", type=int, default=10, metavar="N")
    describe.add_argument("--json", action="store_true", help="everything, down to each layer, as JSON")


def describe_command(options: argparse.Namespace) -> int:
    if not 1 <= options.input_size <= 1024 or not 1 <= options.classes <= 100_000:
        raise CommandError("--input-size must be from 1 to 1024 and --classes from 1 to 100000.", code=2)
    from resnet_demo.models.describe import describe
    from resnet_demo.models.resnet import NetworkSpec

    network = describe(NetworkSpec(options.arch, options.stem, options.classes), options.input_size)
    if options.json:
        print(json.dumps(network.as_dict()))
        return 0
    row = "{:<8} {:<28} {:>16} {:>12} {:>15}".format
    print(f"{network.label}, stem '{network.stem_name}', input {_shape(network.in_shape)}")
    print(row("part", "blocks", "output", "parameters", "multiply-adds"))
    print(row("stem", "", _shape(network.stem[-1].out_shape), *_counts(network.stem)))
    for stage in network.stages:
        kinds = [block.kind for block in stage.blocks]
        blocks = ", ".join(
            f"{kinds.count(kind)} {kind}{'s' * (kinds.count(kind) > 1)}" for kind in dict.fromkeys(kinds)
        )
        print(row(stage.name, blocks, _shape(stage.out_shape), f"{stage.parameters:,}", f"{stage.multiply_adds:,}"))
    print(row("head", "", _shape(network.head[-1].out_shape), *_counts(network.head)))
    print(row("all", "", "", f"{network.parameters:,}", f"{network.multiply_adds:,}"))
    return 0


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape)


def _counts(layers) -> tuple[str, str]:
    return (
        f"{sum(layer.parameters for layer in layers):,}",
        f"{sum(layer.multiply_adds for layer in layers):,}",
    )

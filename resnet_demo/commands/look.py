"""describe, curves and tensorboard: look at a network, look at runs."""

import argparse
import json
import time
from contextlib import ExitStack
from pathlib import Path

from resnet_demo.commands.command import CommandError, add_command
from resnet_demo.models.catalog import ARCHITECTURES, STEMS
from resnet_demo.training.events import RunView
from resnet_demo.training.points import write_csv
from resnet_demo.training.runs import RunDirectory

FOLLOW_S = 2.0


def add_describe(commands) -> None:
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
    from resnet_demo.ui.diagram import kinds_text

    network = describe(NetworkSpec(options.arch, options.stem, options.classes), options.input_size)
    if options.json:
        print(json.dumps(network.as_dict()))
        return 0
    row = "{:<8} {:<28} {:>16} {:>12} {:>15}".format
    print(f"{network.label}, stem '{network.stem_name}', input {_shape(network.in_shape)}")
    print(row("part", "blocks", "output", "parameters", "multiply-adds"))
    print(row("stem", "", _shape(network.stem[-1].out_shape), *_counts(network.stem)))
    for stage in network.stages:
        print(row(stage.name, kinds_text(stage.blocks), _shape(stage.out_shape), *_counts([stage])))
    print(row("head", "", _shape(network.head[-1].out_shape), *_counts(network.head)))
    print(row("all", "", "", f"{network.parameters:,}", f"{network.multiply_adds:,}"))
    return 0


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape)


def _counts(parts) -> tuple[str, str]:
    """Of layers or stages."""
    return f"{sum(part.parameters for part in parts):,}", f"{sum(part.multiply_adds for part in parts):,}"


def add_curves(commands) -> None:
    help = "The loss and accuracy of one run, or of several over each other, as a picture or a table."
    curves = add_command(commands, "curves", curves_command, help)
    curves.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run's folder")
    curves.add_argument("--output", type=Path, default=Path("curves.png"), metavar="FILE", help="PNG, SVG, PDF or CSV")


def curves_command(options: argparse.Namespace) -> int:
    shown = [(run.id, run.title(), run.view()) for run in _runs(options)]
    for path, (*_, view) in zip(options.runs, shown, strict=True):
        if not view.metrics:
            raise CommandError(f"'{path}' has logged no points yet, so there is nothing to draw.")
    try:
        _write_curves(shown, options.output)
    except OSError as error:
        raise CommandError(f"'{options.output}' cannot be written ({error.strerror}).") from error
    except ValueError as error:  # matplotlib's word for a format that it does not know
        raise CommandError(f"'{options.output}': end the name in .png, .svg, .pdf or .csv.", code=2) from error
    print(options.output)
    return 0


def _runs(options: argparse.Namespace) -> list[RunDirectory]:
    runs = [RunDirectory.at(path) for path in options.runs]
    for path, run in zip(options.runs, runs, strict=True):
        if not run.exists():
            raise CommandError(f"'{path}' is no run. Name a run's folder.")
    return runs


def _write_curves(shown: list[tuple[str, str, RunView]], output: Path) -> None:
    if output.suffix.lower() == ".csv":
        with output.open("w", encoding="utf-8", newline="") as file:
            write_csv(shown, file)
        return
    from resnet_demo.ui.figures import save_curves
    from resnet_demo.ui.words import run_name

    named = [(place, run_name(run_id, title), view) for place, (run_id, title, view) in enumerate(shown)]
    save_curves(named, output)


def add_tensorboard(commands) -> None:
    help = "Write runs' curves as TensorBoard's event files, so that `tensorboard --logdir DIR` shows them."
    tensorboard = add_command(commands, "tensorboard", tensorboard_command, help)
    tensorboard.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run's folder")
    tensorboard.add_argument("--out", type=Path, required=True, metavar="DIR", help="one folder a run is made in it")
    tensorboard.add_argument("--follow", action="store_true", help="go on until all runs are over; Ctrl-C ends it")


def tensorboard_command(options: argparse.Namespace) -> int:
    from resnet_demo.training.tensorboard import EventFile

    runs = _runs(options)
    if len({run.id for run in runs}) < len(runs):
        raise CommandError("Two of these runs have the same name, and would be written into one folder.", code=2)
    with ExitStack() as stack:
        files = [(run, stack.enter_context(EventFile(options.out / run.id))) for run in runs]
        while True:
            views = [run.view() for run, _ in files]
            for (_, file), view in zip(files, views, strict=True):
                file.write(view)
            if not options.follow or all(view.is_over for view in views):
                break  # a paused or interrupted run may go on
            time.sleep(FOLLOW_S)
    print(options.out)
    return 0

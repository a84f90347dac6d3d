"""describe and curves: look at a network, look at a run."""

import argparse
import json
from pathlib import Path

from resnet_demo.commands.command import CommandError, add_command
from resnet_demo.models.catalog import ARCHITECTURES, STEMS
from resnet_demo.training.runs import RunDirectory


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


def add_curves(commands) -> None:
    curves = add_command(commands, "curves", curves_command, "Draw a run's loss and accuracy into a picture file.")
    curves.add_argument("--run", type=Path, required=True, metavar="DIR", help="the run's folder")
    curves.add_argument("--output", type=Path, default=Path("curves.png"), metavar="FILE", help="PNG, SVG or PDF")


def curves_command(options: argparse.Namespace) -> int:
    from resnet_demo.ui.figures import save_curves

    view = RunDirectory(options.run).view()
    if not view.metrics:
        raise CommandError(f"'{options.run}' has logged no points yet, so there is nothing to draw.")
    try:
        save_curves(view, options.output)
    except OSError as error:
        raise CommandError(f"'{options.output}' cannot be written ({error.strerror}).") from error
    except ValueError as error:  # matplotlib's word for a format that it does not know
        raise CommandError(f"'{options.output}': end the name in .png, .svg or .pdf.", code=2) from error
    print(options.output)
    return 0

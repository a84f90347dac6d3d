"""describe: a network by stages, measured."""

import argparse
import json

from resnet_demo.cli.command import CommandError, add_command
from resnet_demo.models.catalog import ARCHITECTURES, AUTO, OFFERED_SHORTCUTS, STEMS, NetworkSpec


def add_describe(commands) -> None:
    describe = add_command(
        commands, "describe", describe_command, "Show a network by stages: shapes, parameters, multiply-adds."
    )
    describe.add_argument("--arch", choices=tuple(ARCHITECTURES), default="resnet50")
    describe.add_argument("--stem", choices=tuple(STEMS), default="imagenet")
    describe.add_argument("--shortcut", choices=OFFERED_SHORTCUTS, default=AUTO)
    describe.add_argument("--input-size", type=int, default=32, metavar="PIXELS")
    describe.add_argument("--classes", type=int, default=10, metavar="N")
    describe.add_argument("--json", action="store_true", help="all of it as JSON, down to each layer")


def describe_command(options: argparse.Namespace) -> int:
    if not 1 <= options.input_size <= 1024 or not 1 <= options.classes <= 100_000:
        raise CommandError("--input-size must be from 1 to 1024 and --classes from 1 to 100000.", code=2)
    try:
        spec = NetworkSpec(options.arch, options.stem, options.classes, options.shortcut)
    except ValueError as error:
        raise CommandError(str(error), code=2) from error
    from resnet_demo.models.describe import describe
    from resnet_demo.text import counted

    network = describe(spec, options.input_size)
    if options.json:
        print(json.dumps(network.as_dict()))
        return 0
    row = "{:<8} {:<36} {:>16} {:>12} {:>15}".format
    parts = f"stem '{network.stem_name}', shortcuts '{network.shortcut_name}'"
    print(f"{network.label}, {parts}, input {_shape(network.in_shape)}")
    print(row("part", "blocks", "output", "parameters", "multiply-adds"))
    print(row("stem", "", _shape(network.stem[-1].out_shape), *_counts(network.stem)))
    for stage in network.stages:
        print(
            row(stage.name, counted(block.kind for block in stage.blocks), _shape(stage.out_shape), *_counts([stage]))
        )
    print(row("head", "", _shape(network.head[-1].out_shape), *_counts(network.head)))
    print(row("all", "", "", f"{network.parameters:,}", f"{network.multiply_adds:,}"))
    return 0


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(str(side) for side in shape)


def _counts(parts) -> tuple[str, str]:
    """Of layers or stages."""
    return f"{sum(part.parameters for part in parts):,}", f"{sum(part.multiply_adds for part in parts):,}"

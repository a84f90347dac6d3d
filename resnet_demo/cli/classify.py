"""classify: ask a checkpoint what images show."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_demo.cli.checkpoint import add_checkpoint_flags, open_checkpoint, print_checkpoint
from resnet_demo.cli.command import CommandError, add_command
from resnet_demo.text import percent, printable

if TYPE_CHECKING:
    from resnet_demo.inference.predictor import Prediction


def add_classify(commands) -> None:
    classify = add_command(commands, "classify", classify_command, "Classify images with a checkpoint.")
    classify.add_argument("files", type=Path, nargs="+", metavar="FILE", help="an image of any size")
    add_checkpoint_flags(classify)
    classify.add_argument("--top-k", type=int, default=3, metavar="K", help="how many classes to list (default 3)")
    classify.add_argument("--no-trim", action="store_true", help="keep a wide uniform border around what is shown")
    classify.add_argument("--json", action="store_true", help="one JSON object per image, one per line")


def classify_command(options: argparse.Namespace) -> int:
    """Every image that can be read is classified; the others are named on stderr, and the exit status is 1."""
    if options.top_k < 1:
        raise CommandError("--top-k must be at least 1.", code=2)
    from resnet_demo.data.headers import ImageError

    classifier = open_checkpoint(options)
    print_checkpoint(options, classifier)
    code = 0
    for file in options.files:
        try:
            prediction = classifier.classify(file, trim=not options.no_trim)
        except ImageError as error:
            print(f"resnet_demo: {printable(str(file))}: {error}", file=sys.stderr)
            code = 1
        else:
            print(_answer_line(file, prediction, options), flush=True)
    return code


def _answer_line(file: Path, prediction: "Prediction", options: argparse.Namespace) -> str:
    if options.json:
        return json.dumps({"file": str(file), **prediction.as_dict(options.top_k)})
    ranked = ", ".join(f"{printable(name)} {percent(share)}" for name, share in prediction.ranked[: options.top_k])
    inverted = " (inverted: its border is light)" if prediction.inverted else ""
    trimmed = " (its uniform border was trimmed)" if prediction.trimmed else ""
    return f"{printable(str(file))}: {ranked}{inverted}{trimmed}"

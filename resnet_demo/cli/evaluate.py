"""evaluate: measure a checkpoint on the test images."""

import argparse
import json
import sys
from pathlib import Path

from resnet_demo.cli.checkpoint import add_checkpoint_flags, open_checkpoint, print_checkpoint
from resnet_demo.cli.command import DATA_DIR, CommandError, add_command
from resnet_demo.cli.progress_line import ProgressLine
from resnet_demo.data.dataset import drain


def add_evaluate(commands) -> None:
    evaluate = add_command(
        commands, "evaluate", evaluate_command, "Measure a checkpoint's accuracy on the test images."
    )
    add_checkpoint_flags(evaluate)
    evaluate.add_argument(
        "--data", metavar="SOURCE", help="cifar10, digits or folder:PATH (default: the data it was trained on)"
    )
    evaluate.add_argument("--data-dir", type=Path, default=DATA_DIR, metavar="DIR", help="the folder for downloads")
    evaluate.add_argument("--json", action="store_true", help="all results as JSON, with the confusion matrix")


def evaluate_command(options: argparse.Namespace) -> int:
    from resnet_demo.inference.evaluate import OtherClassesError, evaluate
    from resnet_demo.text import columns, percent, printable

    classifier = open_checkpoint(options)
    print_checkpoint(options, classifier)
    try:
        with ProgressLine(wanted=not options.json) as line:
            evaluation = drain(evaluate(classifier, options.data_dir, options.data), line.show)
    except OtherClassesError as error:
        raise CommandError(f"{error} Name it with --data.") from error
    for warning in evaluation.warnings:
        print(f"resnet_demo: {warning}", file=sys.stderr)
    if options.json:
        print(json.dumps({"run": classifier.run_id, "epoch": classifier.info.epoch, **evaluation.as_dict()}))
        return 0
    print(f"accuracy {percent(evaluation.accuracy)} on {evaluation.images:,} test images")
    if evaluation.plain_accuracy is not None:
        plain = percent(evaluation.plain_accuracy)
        print(f"  by the mean over each image and its mirror image; {plain} by the image alone")
    names = [printable(name) for name in evaluation.classes]
    width = max(map(columns, names))
    for name, share in zip(names, evaluation.class_accuracy, strict=True):
        print(f"  {name}{' ' * (width - columns(name))}  {percent(share):>7}")
    return 0

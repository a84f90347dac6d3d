"""evaluate: measure a checkpoint on the test images."""

import argparse
import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_demo.cli.checkpoint import add_checkpoint_flags, open_checkpoint, print_checkpoint
from resnet_demo.cli.command import DATA_DIR, add_command
from resnet_demo.data.dataset import LoadProgress, Result, drain
from resnet_demo.runs.directory import Progress

if TYPE_CHECKING:
    pass


def add_evaluate(commands) -> None:
    evaluate = add_command(commands, "evaluate", evaluate_command, "Measure a checkpoint on the test pictures.")
    add_checkpoint_flags(evaluate)
    evaluate.add_argument("--data", metavar="SOURCE", help="cifar10, digits or folder:PATH (default: what it learned)")
    evaluate.add_argument("--data-dir", type=Path, default=DATA_DIR, metavar="DIR", help="where downloads are kept")
    evaluate.add_argument("--json", action="store_true", help="everything, with the confusion matrix, as JSON")


def evaluate_command(options: argparse.Namespace) -> int:
    from resnet_demo.inference.evaluate import evaluate
    from resnet_demo.text import percent

    classifier = open_checkpoint(options)
    print_checkpoint(options, classifier)
    evaluation = _with_bar(evaluate(classifier, options.data_dir, options.data), options.json)
    if options.json:
        print(json.dumps({"run": classifier.run_id, "epoch": classifier.info.epoch, **evaluation.as_dict()}))
        return 0
    print(f"accuracy {percent(evaluation.accuracy)} on {evaluation.images:,} test pictures")
    width = max(map(len, evaluation.classes))
    for name, share in zip(evaluation.classes, evaluation.class_accuracy, strict=True):
        print(f"  {name:<{width}}  {percent(share):>7}")
    return 0


def _with_bar(work: Generator[LoadProgress | Progress, None, Result], quiet: bool) -> Result:
    """What `work` returns; meanwhile a line that overwrites itself, on a terminal."""
    from resnet_demo.runs.text import bar_line

    if quiet or not sys.stderr.isatty():
        return drain(work)
    result = drain(work, lambda step: _overwrite(bar_line(step)))
    _overwrite("")
    return result


def _overwrite(line: str) -> None:
    print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

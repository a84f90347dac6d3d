"""Which checkpoint answers: what `classify` and `evaluate` share."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_demo.cli.command import RUNS_DIR, CommandError
from resnet_demo.runs.directory import SHIPPED
from resnet_demo.runs.store import RunStore

if TYPE_CHECKING:
    from resnet_demo.inference.predictor import Classifier


def add_checkpoint_flags(command: argparse.ArgumentParser) -> None:
    """Which checkpoint answers: the newest of a folder of runs, a chosen run's there, or a file."""
    where = command.add_mutually_exclusive_group()
    where.add_argument("--runs", type=Path, default=RUNS_DIR, metavar="DIR", help="the folder that holds runs")
    where.add_argument("--checkpoint", type=Path, metavar="PATH", help="a model.safetensors file, or a run's folder")
    last = "the one trained last whose accuracy is measured"
    command.add_argument("--run-id", metavar="ID", help=f"a run in that folder (default: {last})")


def open_checkpoint(options: argparse.Namespace) -> "Classifier":
    if options.checkpoint is not None and options.run_id is not None:
        raise CommandError("--run-id goes with --runs, not with --checkpoint.", code=2)
    from resnet_demo.inference.loading import checkpoint_path
    from resnet_demo.inference.predictor import Classifier, Predictor

    if options.checkpoint is None:
        return Predictor(RunStore(options.runs, SHIPPED)).classifier(options.run_id)
    return Classifier.from_file(checkpoint_path(options.checkpoint))


def print_checkpoint(options: argparse.Namespace, classifier: "Classifier") -> None:
    """On stderr, so that stdout holds the answers alone."""
    from resnet_demo.runs.text import calibration_text, checkpoint_text

    if not options.json:
        name = classifier.run_id or options.checkpoint
        print(f"{name}: {checkpoint_text(classifier.info)}", file=sys.stderr)
        print(f"Its probabilities are {calibration_text(classifier.info)}.", file=sys.stderr)

"""The commands that ask a checkpoint: classify and evaluate."""

import argparse
import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_demo.commands.command import DATA_DIR, RUNS_DIR, CommandError, add_command
from resnet_demo.data.dataset import LoadProgress, Result, drain
from resnet_demo.training.run_store import RunStore
from resnet_demo.training.runs import Progress

if TYPE_CHECKING:
    from resnet_demo.inference.predictor import Classifier, Prediction


def add_classify(commands) -> None:
    classify = add_command(commands, "classify", classify_command, "Ask a checkpoint what pictures show.")
    classify.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a picture of any size")
    _add_checkpoint(classify)
    classify.add_argument("--top-k", type=int, default=3, metavar="K", help="how many classes to name (default 3)")
    classify.add_argument("--json", action="store_true", help="one JSON object a picture, a line each")


def add_evaluate(commands) -> None:
    evaluate = add_command(commands, "evaluate", evaluate_command, "Measure a checkpoint on the test pictures.")
    _add_checkpoint(evaluate)
    evaluate.add_argument("--data", metavar="SOURCE", help="cifar10, digits or folder:PATH (default: what it learned)")
    evaluate.add_argument("--data-dir", type=Path, default=DATA_DIR, metavar="DIR", help="where downloads are kept")
    evaluate.add_argument("--json", action="store_true", help="everything, with the confusion matrix, as JSON")


def _add_checkpoint(command: argparse.ArgumentParser) -> None:
    """Which checkpoint answers: the newest of a folder of runs, a chosen run's there, or a file."""
    where = command.add_mutually_exclusive_group()
    where.add_argument("--runs", type=Path, default=RUNS_DIR, metavar="DIR", help="the folder that holds runs")
    where.add_argument("--checkpoint", type=Path, metavar="PATH", help="a model.safetensors, or a run's folder")
    command.add_argument("--run-id", metavar="ID", help="a run in the folder of runs (default: the newest checkpoint)")


def _open_checkpoint(options: argparse.Namespace) -> "Classifier":
    if options.checkpoint is not None and options.run_id is not None:
        raise CommandError("--run-id goes with --runs, not with --checkpoint.", code=2)
    from resnet_demo.inference.predictor import Classifier, Predictor

    path = options.checkpoint
    if path is None:
        return Predictor(RunStore(options.runs)).classifier(options.run_id)
    return Classifier.from_file(path / "model.safetensors" if path.is_dir() else path)


def _say_who_answers(options: argparse.Namespace, classifier: "Classifier") -> None:
    """On stderr, so that stdout holds the answers alone."""
    from resnet_demo.ui.answer import checkpoint_text

    if not options.json:
        name = classifier.run_id or options.checkpoint
        print(f"{name}: {checkpoint_text(classifier.info)}", file=sys.stderr)


# --- classify -------------------------------------------------------------------------------------------------


def classify_command(options: argparse.Namespace) -> int:
    """Every picture that can be read is answered; the others are named on stderr, and the exit status is 1."""
    if options.top_k < 1:
        raise CommandError("--top-k must be at least 1.", code=2)
    from resnet_demo.data.images import PictureError, load_picture

    classifier = _open_checkpoint(options)
    _say_who_answers(options, classifier)
    code = 0
    for file in options.files:
        try:
            picture = load_picture(file)
        except PictureError as error:
            print(f"resnet_demo: {file}: {error}", file=sys.stderr)
            code = 1
        else:
            print(_answer_line(file, classifier.classify(picture), options), flush=True)
    return code


def _answer_line(file: Path, prediction: "Prediction", options: argparse.Namespace) -> str:
    if options.json:
        return json.dumps({"file": str(file), **prediction.as_dict(options.top_k)})
    from resnet_demo.ui.words import percent

    ranked = ", ".join(f"{name} {percent(share)}" for name, share in prediction.ranked[: options.top_k])
    return f"{file}: {ranked}" + (" (inverted: its border is light)" if prediction.inverted else "")


# --- evaluate -------------------------------------------------------------------------------------------------


def evaluate_command(options: argparse.Namespace) -> int:
    from resnet_demo.inference.evaluate import evaluate
    from resnet_demo.ui.words import percent

    classifier = _open_checkpoint(options)
    _say_who_answers(options, classifier)
    evaluation = _with_bar(evaluate(classifier, options.data_dir, options.data), options.json)
    if options.json:
        print(json.dumps({"run": classifier.run_id, "epoch": classifier.info.epoch, **evaluation.as_dict()}))
        return 0
    print(f"accuracy {percent(evaluation.accuracy)} on {evaluation.pictures:,} test pictures")
    width = max(map(len, evaluation.classes))
    for name, share in zip(evaluation.classes, evaluation.class_accuracy, strict=True):
        print(f"  {name:<{width}}  {percent(share):>7}")
    return 0


def _with_bar(work: Generator[LoadProgress | Progress, None, Result], quiet: bool) -> Result:
    """What `work` returns; meanwhile a line that overwrites itself, on a terminal."""
    from resnet_demo.ui.words import bar_line

    if quiet or not sys.stderr.isatty():
        return drain(work)
    result = drain(work, lambda step: _overwrite(bar_line(step)))
    _overwrite("")
    return result


def _overwrite(line: str) -> None:
    print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

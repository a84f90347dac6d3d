"""A finished run -> a run that comes with the project.

    python -m benchmarks.ship RUN_DIR --title "ResNet-20 on handwritten digits" [--output resnet_demo/shipped]

What continuing takes, the worker's output and its locks stay behind, the weights are halved to bfloat16, and the
checkpoint is evaluated, whole and without each of its blocks, so that the page shows both without being asked. Run it
from a machine that has the run's data.
"""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import torch

from resnet_demo.data.sources import Dataset, drain, load_dataset
from resnet_demo.data.splits import split
from resnet_demo.inference.block_removal import remove_each_block
from resnet_demo.inference.evaluate import evaluate_dataset
from resnet_demo.inference.predictor import Classifier
from resnet_demo.models.checkpoint import cast_weights, load_weights, save_weights
from resnet_demo.models.checkpoint_info import read_model_info
from resnet_demo.runs.block_removal import save_block_removal
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.evaluation import save_evaluation
from resnet_demo.runs.example_predictions import FILE_NAME as EXAMPLES
from resnet_demo.runs.store import SHIPPED
from resnet_demo.text import percent
from resnet_demo.training.calibration import calibrate

COPIED = ("config.json", "events.jsonl", "pinned.png", EXAMPLES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("--title", required=True)
    parser.add_argument("--data-dir", type=Path, default=Path("data"), metavar="DIR", help="where downloads are kept")
    parser.add_argument("--output", type=Path, default=SHIPPED, metavar="DIR")
    options = parser.parse_args()
    run = ship(RunDirectory.at(options.run), options.output, options.title, options.data_dir)
    print(f"{run.path}: {run.size_bytes():,} bytes, test accuracy {percent(run.view().test_accuracy)}")


def ship(run: RunDirectory, output: Path, title: str, data_dir: Path) -> RunDirectory:
    """Raises SystemExit for a run that has not finished."""
    if run.view().ended is None or run.view().ended.outcome != "finished":
        raise SystemExit(f"'{run.id}' has not finished. Ship a finished run.")
    shipped = RunDirectory(output / run.id)
    shipped.path.mkdir(parents=True)
    for name in COPIED:
        if (run.path / name).exists():
            shutil.copyfile(run.path / name, shipped.path / name)
    weights, info = load_weights(run.model_path)
    save_weights(shipped.model_path, cast_weights(weights, torch.bfloat16), info)
    shipped.rename(title)
    measure(shipped, data_dir)
    return shipped


def calibrate_weights(shipped: RunDirectory, dataset: Dataset) -> None:
    """Fit the temperature of the weights as they are shipped, in bfloat16, on the images that the run held out."""
    config, (weights, info) = shipped.config(), load_weights(shipped.model_path)
    parts = split(dataset, config.seed, config.train_images, config.validation_images, config.test_images)
    logits = Classifier.from_file(shipped.model_path).logits(parts.validation.images)
    fitted = calibrate(logits, parts.validation.labels)
    save_weights(shipped.model_path, weights, replace(info, held_out=len(parts.validation), calibration=fitted))


def measure(shipped: RunDirectory, data_dir: Path) -> None:
    """What the page tells of its checkpoint without being asked: its mistakes, and what it loses without each block."""
    info = read_model_info(shipped.model_path)
    dataset = drain(load_dataset(info.data, data_dir, info.split))
    calibrate_weights(shipped, dataset)
    classifier = Classifier.from_file(shipped.model_path)
    save_evaluation(shipped, drain(evaluate_dataset(classifier, dataset)))
    save_block_removal(shipped, drain(remove_each_block(classifier, dataset)))


if __name__ == "__main__":
    main()

"""A finished run -> a run that comes with the project.

    python -m benchmarks.ship RUN_DIR --title "ResNet-20 on handwritten digits" [--output resnet_demo/shipped]
    python -m benchmarks.ship RUN_DIR --title "Plain-34 on 256 digits" --curves-only

What continuing takes, the worker's output and its locks stay behind, the weights are halved to bfloat16, and the
checkpoint is evaluated, whole, without each of its blocks and around its weights, so that the page shows all of it
without being asked. Run it from a machine that has the run's data; where that is another folder there than on the
machine that trained, `--data` says which. With `--curves-only` a run is shipped for its curves, without any weights.
"""

import argparse
import shutil
import time
from dataclasses import replace
from pathlib import Path

import torch

from resnet_demo.data.known import FOLDER
from resnet_demo.data.sources import Dataset, drain, load_dataset
from resnet_demo.data.splits import split
from resnet_demo.inference.block_ablation import ablate_each_block
from resnet_demo.inference.evaluate import evaluate_dataset
from resnet_demo.inference.loss_landscape import loss_landscape
from resnet_demo.inference.predictor import Classifier
from resnet_demo.models.checkpoint import cast_weights, load_weights, save_weights
from resnet_demo.models.checkpoint_info import read_model_info
from resnet_demo.runs.directory import SHIPPED, RunDirectory
from resnet_demo.runs.evaluation import save_evaluation
from resnet_demo.runs.example_predictions import FILE_NAME as EXAMPLES
from resnet_demo.runs.store import RunStore
from resnet_demo.text import percent
from resnet_demo.training.calibration import calibrate

COPIED = ("config.json", "events.jsonl", "pinned.png", EXAMPLES)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("--title", required=True)
    parser.add_argument("--data", default="", metavar="SOURCE", help="where the run's images are here, folder:PATH")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), metavar="DIR", help="where downloads are kept")
    parser.add_argument("--output", type=Path, default=SHIPPED, metavar="DIR")
    parser.add_argument("--first", action="store_true", help="answer before the other shipped runs do")
    parser.add_argument("--curves-only", action="store_true", help="without weights, and what they are measured by")
    options = parser.parse_args()
    run = finished(options.run)
    if options.curves_only:
        run = ship_curves(run, options.output, options.title)
    else:
        run = ship(run, options.output, options.title, options.data_dir, options.data)
    if options.first:
        RunStore(options.output).put_last(run)
    print(f"{run.path}: {run.size_bytes():,} bytes, test accuracy {percent(run.view().test_accuracy)}")


def finished(path: Path) -> RunDirectory:
    """Raises SystemExit for a run that has not finished."""
    run = RunDirectory.at(path)
    if run.view().ended is None or run.view().ended.outcome != "finished":
        raise SystemExit(f"'{run.id}' has not finished. Ship a finished run.")
    return run


def ship_curves(run: RunDirectory, output: Path, title: str) -> RunDirectory:
    """Named as the page would have named it, whatever its folder is called here."""
    config, when = run.config(), time.strftime("%Y%m%d-%H%M%S", time.gmtime(run.created()))
    shipped = RunDirectory(output / f"{when}-{config.arch}-{config.data.partition(':')[0]}")
    shipped.path.mkdir(parents=True)
    for name in ("config.json", "events.jsonl"):
        shutil.copyfile(run.path / name, shipped.path / name)
    shipped.rename(title)
    return shipped


def ship(run: RunDirectory, output: Path, title: str, data_dir: Path, source: str = "") -> RunDirectory:
    """`source` is where the run's images are on this machine, "" where they are as the run says. Raises SystemExit
    where they are other images. A run that cannot be measured is not shipped."""
    shipped = RunDirectory(output / run.id)
    shipped.path.mkdir(parents=True)
    try:
        for name in COPIED:
            if (run.path / name).exists():
                shutil.copyfile(run.path / name, shipped.path / name)
        weights, info = load_weights(run.model_path)
        save_weights(shipped.model_path, cast_weights(weights, torch.bfloat16), info)
        shipped.rename(title)
        measure(shipped, data_dir, source)
    except BaseException:
        shutil.rmtree(shipped.path)
        raise
    return shipped


def calibrate_weights(shipped: RunDirectory, dataset: Dataset) -> None:
    """Fit the temperature of the weights as they are shipped, in bfloat16, on the images that the run held out."""
    config, (weights, info) = shipped.config(), load_weights(shipped.model_path)
    parts = split(dataset, config.seed, config.train_images, config.validation_images, config.test_images)
    logits = Classifier.from_file(shipped.model_path).logits(parts.validation.images)
    fitted = calibrate(logits, parts.validation.labels)
    save_weights(shipped.model_path, weights, replace(info, held_out=len(parts.validation), calibration=fitted))


def measure(shipped: RunDirectory, data_dir: Path, source: str = "") -> None:
    """What the page tells of its checkpoint without being asked: its mistakes, what it loses without each block, the
    loss around it."""
    info = read_model_info(shipped.model_path)
    dataset = drain(load_dataset(source or info.data, data_dir, info.split))
    # A folder's held-out images are drawn by their names, which those of other kinds of a source do not have.
    of_one_kind = (source or info.data).startswith(FOLDER) == info.data.startswith(FOLDER)
    if source and not (of_one_kind and dataset.test_digest() == info.tested_on):
        raise SystemExit(f"The images of {source} are not those of this run, {info.data}.")
    calibrate_weights(shipped, dataset)
    classifier = Classifier.from_file(shipped.model_path)
    save_evaluation(shipped, drain(evaluate_dataset(classifier, dataset)))
    drain(ablate_each_block(classifier, dataset)).save(shipped)
    drain(loss_landscape(classifier, dataset)).save(shipped)


if __name__ == "__main__":
    main()

"""Does answering by an image and its mirror image save `fast` an epoch?

    python -m benchmarks.flip_averaging FOLDER --results DIR [--epochs 4 5] [--seeds 0 1 2]

FOLDER is CIFAR-10 as an image folder. The preset `fast` trains for so many epochs with each seed; then the last
checkpoint answers for the held-out images, by which to choose, and for the test images, once by each image alone and
once by the mean of its logits and its mirror image's. Each training is a run in DIR and goes on where it was stopped.
"""

import argparse
import statistics
import sys
from pathlib import Path

from torch import Tensor

from benchmarks.machine import machine_line, publish
from resnet_demo.cli.train import train_in_foreground
from resnet_demo.data.dataset import Dataset
from resnet_demo.data.sources import drain, load_dataset
from resnet_demo.data.splits import split
from resnet_demo.inference.predictor import Classifier
from resnet_demo.models.flip_averaging import answer_logits
from resnet_demo.runs.config import TrainConfig, preset_config
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.store import RunStore

COLUMNS = ("held out, alone", "held out, averaged", "test, alone", "test, averaged")


def main() -> None:
    options = _arguments()
    options.results.mkdir(parents=True, exist_ok=True)
    data = f"folder:{options.folder.resolve()}"
    dataset = drain(load_dataset(data, options.data_dir))
    lines = [
        machine_line(),
        "",
        f"| epochs | {' | '.join(COLUMNS)} |",
        "|---|" + "---|" * len(COLUMNS),
    ]
    for epochs in options.epochs:
        by_seed = []
        for seed in options.seeds:
            config = preset_config("fast", data=data, device="cpu", epochs=epochs, seed=seed)
            by_seed.append(measured(trained(config, options), config, dataset))
        cells = [
            f"{', '.join(f'{100 * share:.2f}' for share in shares)} (mean {100 * statistics.mean(shares):.2f}) %"
            for shares in zip(*by_seed, strict=True)
        ]
        lines.append(f"| {epochs} | {' | '.join(cells)} |")
    publish(lines, options.write)


def trained(config: TrainConfig, options: argparse.Namespace) -> RunDirectory:
    run = RunDirectory(options.results.resolve() / f"fast-{config.epochs}-epochs-seed-{config.seed}")
    if not run.exists():
        RunStore(options.results).create(config, name=run.id)
    if status := train_in_foreground(run, options.data_dir, json=False):
        sys.exit(status)
    return run


def measured(run: RunDirectory, config: TrainConfig, dataset: Dataset) -> list[float]:
    """Accuracies 0..1, in the order of COLUMNS."""
    classifier = Classifier.from_file(run.model_path)
    parts = split(dataset, config.seed, config.train_images, config.validation_images, config.test_images)
    return [
        share for part in (parts.validation, parts.test) for share in accuracies(classifier, part.images, part.labels)
    ]


def accuracies(classifier: Classifier, images: Tensor, labels: Tensor) -> list[float]:
    """Of (N, 3, 32, 32) uint8: by each image alone, and by the mean of its logits and its mirror image's."""
    alone = classifier.logits(images)
    averaged = answer_logits(classifier.logits, images, alone, flip_averaging=True)
    return [(logits.argmax(1) == labels).double().mean().item() for logits in (alone, averaged)]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=Path, required=True, metavar="DIR", help="where the runs are kept")
    parser.add_argument("--epochs", type=int, nargs="+", default=[4, 5])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where the decoded images are kept")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table to this file, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()

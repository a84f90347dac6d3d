"""How often a checkpoint is right, class by class, on pictures that it never learned from."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from resnet_demo.data.sources import Dataset, LoadProgress, load_dataset
from resnet_demo.inference.predictor import BATCH, Classifier
from resnet_demo.models.checkpoint_info import CheckpointError
from resnet_demo.runs.directory import Progress


@dataclass(frozen=True)
class Evaluation:
    """Test pictures counted by what they are and what they were taken for."""

    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]  # [true class][answered class]

    @property
    def pictures(self) -> int:
        return sum(map(sum, self.confusion))

    @property
    def accuracy(self) -> float:
        """0..1 over all pictures."""
        return sum(row[index] for index, row in enumerate(self.confusion)) / self.pictures

    @property
    def class_accuracy(self) -> tuple[float | None, ...]:
        """0..1 for each class; None where it has no test picture."""
        return tuple(row[index] / sum(row) if sum(row) else None for index, row in enumerate(self.confusion))

    def as_dict(self) -> dict[str, Any]:
        rows = zip(self.classes, self.confusion, self.class_accuracy, strict=True)
        return {
            "accuracy": self.accuracy,
            "pictures": self.pictures,
            "classes": [{"class": name, "pictures": sum(row), "accuracy": share} for name, row, share in rows],
            "confusion": [list(row) for row in self.confusion],
        }


def evaluate(
    classifier: Classifier, data_dir: Path, data: str | None = None
) -> Generator[LoadProgress | Progress, None, Evaluation]:
    """`evaluation = yield from evaluate(…)` on the test pictures of `data`; None means what it learned from.

    Raises DataError where there are no data, CheckpointError where their classes are not the checkpoint's.
    """
    source = data or classifier.info.data
    dataset = yield from load_dataset(source, data_dir)
    if dataset.classes != classifier.info.classes:
        raise CheckpointError(
            f"This checkpoint knows other classes than '{source}' has. Choose the data it was trained on with --data."
        )
    return (yield from evaluate_dataset(classifier, dataset))


def evaluate_dataset(classifier: Classifier, dataset: Dataset) -> Generator[Progress, None, Evaluation]:
    """The same for data in memory, whose classes are the checkpoint's."""
    size, total = len(dataset.classes), len(dataset.test_labels)
    counts = torch.zeros(size * size, dtype=torch.int64)
    for start in range(0, total, BATCH):
        chosen = slice(start, start + BATCH)
        answers = classifier.logits(dataset.test_images[chosen]).argmax(1)
        counts += torch.bincount(dataset.test_labels[chosen] * size + answers, minlength=size * size)
        yield Progress("evaluating", min(start + BATCH, total), total)
    return Evaluation(dataset.classes, tuple(map(tuple, counts.view(size, size).tolist())))

"""Which pictures are trained on, which are held out to choose by, and which only report."""

from dataclasses import dataclass

import torch

from resnet_demo.data.batches import Pictures, seeded
from resnet_demo.data.sources import Dataset

HELD_OUT_SHARE = 0.1  # at most, so that a small data set is not eaten up


@dataclass(frozen=True)
class Splits:
    """No picture is in two of them. `validation` may be empty."""

    train: Pictures
    validation: Pictures
    test: Pictures


def split(
    dataset: Dataset, seed: int, train_images: int = 0, validation_images: int = 0, test_images: int = 0
) -> Splits:
    """Draw the parts by seed; 0 training or test images means all there are.

    `validation_images` are taken out of the chosen training images, at most a tenth of them.
    """
    chosen = _draw(len(dataset.train_labels), train_images, seed, "train")
    held_out = held_out_count(len(chosen), validation_images)
    train = Pictures(dataset.train_images, dataset.train_labels)
    test = Pictures(dataset.test_images, dataset.test_labels)
    return Splits(
        train=train.take(chosen[held_out:]),
        validation=train.take(chosen[:held_out]),
        test=test.take(_draw(len(test), test_images, seed, "test")),
    )


def held_out_count(train_images: int, wanted: int) -> int:
    """How many of the training images are held out."""
    return min(wanted, int(train_images * HELD_OUT_SHARE))


def _draw(available: int, wanted: int, seed: int, part: str) -> torch.Tensor:
    order = torch.randperm(available, generator=seeded(seed, "split", part))
    return order[: wanted or available]

"""Which images are trained on, which are held out to choose by, and which only report."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from resnet_demo.data.batches import LabelledImages, seeded
from resnet_demo.data.image_names import draw, lowest_share
from resnet_demo.data.sources import Dataset

HELD_OUT_SHARE = 0.1  # at most, so that a small data set is not eaten up


@dataclass(frozen=True)
class Splits:
    """No image is in two of them. `validation` may be empty."""

    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages


def split(
    dataset: Dataset, seed: int, train_images: int = 0, validation_images: int = 0, test_images: int = 0
) -> Splits:
    """Draw the parts by seed; 0 training or test images means all there are.

    `validation_images` are taken out of the chosen training images, at most a tenth of them. Images that have names
    are drawn by these, so that each keeps its part where others come or go; images of a set that never changes by
    their number.
    """
    if dataset.train_ids is None:
        trained, held_out = _by_number(len(dataset.train_labels), seed, train_images, validation_images)
    else:
        trained, held_out = _by_name(dataset.train_ids, seed, train_images, validation_images)
    train = LabelledImages(dataset.train_images, dataset.train_labels)
    test = LabelledImages(dataset.test_images, dataset.test_labels)
    return Splits(
        train=train.take(trained),
        validation=train.take(held_out),
        test=test.take(_permutation(len(test), test_images, seed, "test")),
    )


def held_out_count(train_images: int, wanted: int) -> int:
    """How many of the training images are held out; drawn by name, about so many."""
    return min(wanted, int(train_images * HELD_OUT_SHARE))


def _by_number(available: int, seed: int, train_images: int, validation_images: int) -> tuple[Tensor, Tensor]:
    chosen = _permutation(available, train_images, seed, "train")
    held_out = held_out_count(len(chosen), validation_images)
    return chosen[held_out:], chosen[:held_out]


def _by_name(ids: Tensor, seed: int, train_images: int, validation_images: int) -> tuple[Tensor, Tensor]:
    """Held out is the lowest tenth of all that can be drawn, or less of it: what is above is always trained on."""
    names = ids.numpy()
    chosen = draw(names, seed, "train").argsort(kind="stable")[: train_images or len(names)]
    drawn = draw(names[chosen], seed, "held out")
    tenth = np.flatnonzero(lowest_share(drawn, HELD_OUT_SHARE))
    held_out = tenth[drawn[tenth].argsort(kind="stable")][:validation_images]
    is_trained = np.ones(len(chosen), dtype=bool)
    is_trained[held_out] = False
    return torch.from_numpy(chosen[is_trained]), torch.from_numpy(chosen[held_out])


def _permutation(available: int, wanted: int, seed: int, part: str) -> Tensor:
    order = torch.randperm(available, generator=seeded(seed, "split", part))
    return order[: wanted or available]

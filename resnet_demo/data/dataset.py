"""What every source gives: images as uint8 tensors, their classes, and how far the loading has come.

No torch here: the page catches a DataError, and a decoding process starts, without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from resnet_demo.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


BY_NAME, BY_POSITION = "by_name", "by_position"  # how a folder's images are shared out; the second as it was once
STARTING = "starting"  # the phase of a loading that neither downloads nor decodes: nothing is counted
WAITING = "waiting"  # for another process that loads the same files


class DataError(UserError):
    """Why there are no data: a sentence for people, and what they can do."""


@dataclass(frozen=True)
class LoadProgress:
    """Where a loading stands. `total` is 0 where nobody knows it yet."""

    phase: str  # "downloading": done and total are bytes; "decoding": they are images; STARTING or WAITING
    done: int
    total: int


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images to learn from and images to be measured on, as they are: not normalised, not shuffled.

    A class's label is its place in `classes`.
    """

    source: str  # "cifar10", "digits" or "folder:PATH"
    classes: tuple[str, ...]
    train_images: Tensor  # uint8 (N, 3, 32, 32)
    train_labels: Tensor  # int64 (N,)
    test_images: Tensor  # uint8 (M, 3, 32, 32)
    test_labels: Tensor  # int64 (M,)
    mean: tuple[float, ...]  # three, of the training images, per channel, on a scale of 0..1
    std: tuple[float, ...]
    may_flip: bool  # a mirrored image is still one of its class
    light_on_dark: bool  # an image with a light border is inverted before it is classified
    warnings: tuple[str, ...] = ()  # what was left out, as sentences
    train_ids: Tensor | None = None  # int64 (N,), from each image's class and file name; None where they have none

    def digest(self) -> str:
        """Differs where any image or label does; a fifth of a second for CIFAR-10."""
        return _digest(self.train_images, self.train_labels, self.test_images, self.test_labels)

    def test_digest(self) -> str:
        """The same for the test images alone."""
        return _digest(self.test_images, self.test_labels)

    def names_digest(self) -> str:
        """The same for the names of the training images, by which parts are drawn; '' where they have none."""
        return "" if self.train_ids is None else _digest(self.train_ids)

    def spread_test_images(self, most: int) -> tuple[Tensor, Tensor]:
        """At most so many test images and their labels, evenly spread: a folder's stand class by class."""
        total = len(self.test_labels)
        count = min(total, most)
        chosen = [round(place * (total - 1) / max(1, count - 1)) for place in range(count)]
        return self.test_images[chosen], self.test_labels[chosen]


def _digest(*parts: Tensor) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part.contiguous().numpy().data)
    return digest.hexdigest()


Loading = Generator[LoadProgress, None, Dataset]  # between two events the caller may close it
Step = TypeVar("Step")
Result = TypeVar("Result")


def drain(work: Generator[Step, None, Result], see: Callable[[Step], object] = lambda step: None) -> Result:
    """Work through to the end and give what it returns; `see` is told each step on the way."""
    while True:
        try:
            step = next(work)
        except StopIteration as done:
            return done.value
        see(step)

"""Batches, made on the device by the batch. Shuffling and augmentation are functions of (seed, epoch, step), so
that a run continued in mid-epoch sees what it would have seen."""

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
ALL = slice(None)


def seeded(*key: int | str) -> torch.Generator:
    """A generator on the CPU whose numbers depend on the key alone, on every device and platform."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=7).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big"))


def to_tensor(images: Sequence[Image.Image]) -> Tensor:
    """RGB images of one size -> uint8 (N, 3, H, W)."""
    return torch.from_numpy(np.stack([np.array(image) for image in images])).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class LabelledImages:
    """uint8 images (N, 3, H, W) and their labels (N,), on one device."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "LabelledImages":
        return LabelledImages(self.images.to(device), self.labels.to(device))

    def take(self, indices: Tensor) -> "LabelledImages":
        return LabelledImages(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Normalise:
    """uint8 images -> float32 with mean 0 and deviation 1, by the training images' channels."""

    mean: tuple[float, ...]  # 0..1, one a channel
    std: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 -> (N, 3, H, W) float32, in channels_last memory."""
        mean, std = _per_channel(self.mean, images.device), _per_channel(self.std, images.device)
        images = images.to(torch.float32, memory_format=torch.channels_last)
        return images.sub_(mean).div_(std)


@functools.cache  # for ever: a recorded step reads it where it is
def _per_channel(values: tuple[float, float, float], device: torch.device) -> Tensor:
    """(1, 3, 1, 1) on a scale of 0..255. Made once for each device: a GPU would stop and wait for every copy.
    An ordinary tensor even where inference asks first: one that is made in inference mode is of no use to gradients."""
    with torch.inference_mode(False):
        return torch.tensor(values, device=device).view(1, 3, 1, 1) * 255


class BatchPlan(NamedTuple):
    """Which N images a batch is made of and how each is augmented, as int64 numbers on one device."""

    chosen: Tensor  # (N,) places among the training images
    shift: Tensor  # (N, 2) pixels down and to the right
    flipped: Tensor  # (N,) 0 or 1
    cut: Tensor  # (N, 2) top and left of the square that is cut out


@dataclass(frozen=True)
class Augment:
    """A random shift by up to `crop_padding` pixels, the edge mirrored, a random horizontal flip, and a square of
    `cutout` pixels a side, wholly inside, that becomes the mean colour (DeVries and Taylor 2017, arXiv:1708.04552).
    """

    crop_padding: int
    flip: bool
    cutout: int = 0

    def draw(self, chosen: Tensor, size: tuple[int, int], generator: torch.Generator) -> BatchPlan:
        """How the `chosen` (N,) images of `size` (height, width) are augmented, on the CPU."""
        n = len(chosen)
        shift = torch.randint(2 * self.crop_padding + 1, (2, n), generator=generator) - self.crop_padding
        flipped = torch.rand(n, generator=generator) < 0.5 if self.flip else torch.zeros(n)
        cut = [
            torch.randint(side - self.cutout + 1, (n,), generator=generator) if self.cutout else torch.zeros(n).long()
            for side in size
        ]
        return BatchPlan(chosen, shift.T, flipped.long(), torch.stack(cut, 1))

    def __call__(self, images: Tensor, plan: BatchPlan, normalise: Normalise) -> Tensor:
        """(N, 3, H, W) float32, normalised, of the uint8 images that were drawn.

        Shuffling, cropping and flipping are one gather. Its result is (N, H, W, 3) in memory, which seen as
        (N, 3, H, W) is channels_last: the layout that convolutions are fastest in.
        """
        height, width = images.shape[2:]
        row, column = (torch.arange(side, device=images.device) for side in (height, width))
        rows = _mirrored(row + plan.shift[:, :1], height)
        columns = _mirrored(column + plan.shift[:, 1:], width)
        if self.flip:
            columns = torch.where(plan.flipped[:, None] == 1, columns.flip(1), columns)
        picked = images[plan.chosen[:, None, None], :, rows[:, :, None], columns[:, None, :]]
        augmented = normalise(picked.permute(0, 3, 1, 2))
        if self.cutout:
            in_rows = _within(row, plan.cut[:, :1], self.cutout)
            in_columns = _within(column, plan.cut[:, 1:], self.cutout)
            augmented.masked_fill_((in_rows[:, :, None] & in_columns[:, None, :])[:, None], 0.0)  # 0 is the mean
        return augmented


def _within(places: Tensor, first: Tensor, count: int) -> Tensor:
    """(N, places): whether a place is one of the `count` from `first` (N, 1) on."""
    return (places >= first) & (places < first + count)


def _mirrored(index: Tensor, size: int) -> Tensor:
    """Indices outside 0..size-1 reflected at the edge pixel, as in reflection padding."""
    index = index.abs()
    return torch.where(index >= size, 2 * (size - 1) - index, index)


def draw_epoch(
    part: LabelledImages,
    batch_size: int,
    augment: Augment,
    *,
    seed: int,
    epoch: int,
    first_batch: int = 0,
    shard: slice = ALL,
) -> list[BatchPlan]:
    """What one epoch's batches from `first_batch` on are made of, on the images' device: of each batch all, or the
    `shard` that falls to one of several processes. Drawn for the whole batch, so that an image's numbers are the same
    however the batch is shared out; at once, so that no step of a GPU waits for the CPU.

    Images that do not fill a last batch wait for the next epoch, where the order is another.
    """
    order = torch.randperm(len(part), generator=seeded(seed, "shuffle", epoch))
    size = part.images.shape[2], part.images.shape[3]
    plans = []
    for batch in range(first_batch, len(part) // batch_size):
        chosen = order[batch * batch_size : (batch + 1) * batch_size]
        whole = augment.draw(chosen, size, seeded(seed, "augment", epoch, batch))
        plans.append(BatchPlan(*(numbers[shard] for numbers in whole)))
    if not plans:
        return []
    sent = [_send(torch.stack(numbers), part.images.device) for numbers in zip(*plans, strict=True)]
    return [BatchPlan(*numbers) for numbers in zip(*(numbers.unbind() for numbers in sent), strict=True)]


def make_batch(part: LabelledImages, plan: BatchPlan, augment: Augment, normalise: Normalise) -> tuple[Tensor, Tensor]:
    """Float images (N, 3, H, W) and labels (N,), by numbers that are on the images' device."""
    return augment(part.images, plan, normalise), part.labels[plan.chosen]


def _send(numbers: Tensor, device: torch.device) -> Tensor:
    """To the device. CUDA fetches them by itself from pinned memory, while the program goes on."""
    if device.type == "cuda":
        return numbers.pin_memory().to(device, non_blocking=True)
    return numbers.to(device)

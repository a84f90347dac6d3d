"""Batches, made on the device by the batch. Shuffling and augmentation are functions of (seed, epoch, step), so
that a run continued in mid-epoch sees what it would have seen."""

import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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


def to_tensor(pictures: Sequence[Image.Image]) -> Tensor:
    """RGB pictures of one size -> uint8 (N, 3, H, W)."""
    return torch.from_numpy(np.stack([np.array(picture) for picture in pictures])).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Pictures:
    """uint8 pictures (N, 3, H, W) and their labels (N,), on one device."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Pictures":
        return Pictures(self.images.to(device), self.labels.to(device))

    def take(self, indices: Tensor) -> "Pictures":
        return Pictures(self.images[indices], self.labels[indices])


@dataclass(frozen=True)
class Normalise:
    """uint8 pictures -> float32 with mean 0 and deviation 1, by the training pictures' channels."""

    mean: tuple[float, float, float]  # 0..1
    std: tuple[float, float, float]

    def __call__(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) uint8 -> (N, 3, H, W) float32, in channels_last memory."""
        mean, std = _per_channel(self.mean, images.device), _per_channel(self.std, images.device)
        images = images.to(torch.float32, memory_format=torch.channels_last)
        return images.sub_(mean).div_(std)


@functools.lru_cache(maxsize=16)
def _per_channel(values: tuple[float, float, float], device: torch.device) -> Tensor:
    """(1, 3, 1, 1) on a scale of 0..255. Made once for each device: a GPU would stop and wait for every copy."""
    return torch.tensor(values, device=device).view(1, 3, 1, 1) * 255


@dataclass(frozen=True)
class Augment:
    """A random shift by up to `crop_padding` pixels, the edge mirrored, and a random horizontal flip."""

    crop_padding: int
    flip: bool

    def __call__(self, images: Tensor, chosen: Tensor, generator: torch.Generator, shard: slice = ALL) -> Tensor:
        """Take the `chosen` (N,) of the uint8 images and augment each in its own way; of these, the `shard`.

        The random numbers are drawn for all N, so that a picture's are the same however the batch is shared out.
        Shuffling, cropping and flipping are one gather. Its result is (N, H, W, 3) in memory, which seen as
        (N, 3, H, W) is channels_last: the layout that convolutions are fastest in.
        """
        n, (height, width) = len(chosen), images.shape[2:]
        span = 2 * self.crop_padding + 1
        shift = torch.randint(span, (2, n, 1), generator=generator) - self.crop_padding
        rows = _mirrored(torch.arange(height) + shift[0], height)
        columns = _mirrored(torch.arange(width) + shift[1], width)
        if self.flip:
            flipped = torch.rand(n, 1, generator=generator) < 0.5
            columns = torch.where(flipped, columns.flip(1), columns)
        rows, columns = _send(rows[shard], images.device), _send(columns[shard], images.device)
        picked = images[chosen[shard, None, None], :, rows[:, :, None], columns[:, None, :]]
        return picked.permute(0, 3, 1, 2)


def _send(numbers: Tensor, device: torch.device) -> Tensor:
    """To the device. CUDA fetches them by itself from pinned memory, while the program goes on."""
    if device.type == "cuda":
        return numbers.pin_memory().to(device, non_blocking=True)
    return numbers.to(device)


def _mirrored(index: Tensor, size: int) -> Tensor:
    """Indices outside 0..size-1 reflected at the edge pixel, as in reflection padding."""
    index = index.abs()
    return torch.where(index >= size, 2 * (size - 1) - index, index)


def batches(
    pictures: Pictures,
    batch_size: int,
    normalise: Normalise,
    augment: Augment,
    *,
    seed: int,
    epoch: int,
    first_batch: int = 0,
    shard: slice = ALL,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch's training batches from `first_batch` on: float images (B, 3, H, W) and labels (B,), or the `shard`
    of each batch that falls to one of several processes.

    Pictures that do not fill a last batch wait for the next epoch, where the order is another.
    """
    order = _send(torch.randperm(len(pictures), generator=seeded(seed, "shuffle", epoch)), pictures.labels.device)
    for batch in range(first_batch, len(pictures) // batch_size):
        chosen = order[batch * batch_size : (batch + 1) * batch_size]
        images = augment(pictures.images, chosen, seeded(seed, "augment", epoch, batch), shard)
        yield normalise(images), pictures.labels[chosen[shard]]

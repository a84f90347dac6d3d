"""Measured on the training images, to normalise by."""

import torch
from torch import Tensor

from resnet_demo.data.dataset import DataError

MIN_STD = 1 / 255  # one step of a pixel: a channel that hardly varies is not blown up to noise, nor divided by zero


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation per channel, 0..1, of uint8 (N, C, H, W).

    Counted value by value: exact, and without a float copy of four times the size. A channel in which all pixels are
    equal has MIN_STD. Raises DataError where all images are equal.
    """
    if len(images) > 1 and all(torch.equal(images[0], image) for image in images):
        raise DataError(
            "All training images are equal, so there is nothing to learn from them. Check that they are the ones that "
            "were meant."
        )
    values = torch.arange(256, dtype=torch.float64) / 255
    means, stds = [], []
    for channel in range(images.shape[1]):
        counts = torch.bincount(images[:, channel].flatten(), minlength=256)
        share = counts / counts.sum().double()
        mean = (share * values).sum()
        means.append(mean.item())
        stds.append((share * (values - mean) ** 2).sum().sqrt().item())
    return tuple(means), tuple(max(std, MIN_STD) for std in stds)

"""The loss along random lines through a checkpoint's weights: how steep and how wide is the valley that it lies in?

After Li et al. 2018, "Visualizing the Loss Landscape of Neural Nets" (arXiv:1712.09913, sections 3 and 4): each filter
of a random direction is made as long as the network's own filter, so that networks can be compared whatever the scale
of their weights is. Biases stay as they are; the norms have been folded into the filters.
"""

from collections.abc import Generator

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from resnet_demo.data.dataset import Dataset
from resnet_demo.inference.predictor import Classifier
from resnet_demo.runs.measured import LossLandscape
from resnet_demo.runs.worker_files import Progress

MOST_IMAGES = 500
DIRECTIONS = 3  # one could be a chance; seeds 0, 1, 2
DISTANCES = [round(-0.5 + 0.05 * step, 2) for step in range(21)]  # in lengths of the filters


def loss_landscape(classifier: Classifier, dataset: Dataset) -> Generator[Progress, None, LossLandscape]:
    """On MOST_IMAGES test images. Moves the classifier's own weights, and puts them back unless it is closed before.
    Raises CheckpointError where an answer is not a number."""
    images, labels = dataset.spread_test_images(MOST_IMAGES)
    filters: list[Tensor] = [weights for weights in classifier.model.parameters() if weights.ndim > 1]
    learned = [weights.detach().clone() for weights in filters]
    losses: list[list[float]] = []
    for seed in range(DIRECTIONS):
        direction = random_direction(learned, seed)
        losses.append([])
        for distance in DISTANCES:
            yield Progress("slicing", seed * len(DISTANCES) + len(losses[-1]), DIRECTIONS * len(DISTANCES))
            _put(filters, [at + distance * towards for at, towards in zip(learned, direction, strict=True)])
            losses[-1].append(cross_entropy(classifier.logits(images), labels).item())
    _put(filters, learned)
    return LossLandscape(classifier.info.digest, dataset.source, len(labels), DISTANCES, losses)


def random_direction(filters: list[Tensor], seed: int) -> list[Tensor]:
    """Of the same shapes; each filter (its first axis) is as long as the one that it is made for."""
    generator = torch.Generator().manual_seed(seed)
    directions = [torch.randn(weights.shape, generator=generator) for weights in filters]
    return [
        direction * (_lengths(weights) / _lengths(direction)).view(-1, *[1] * (weights.ndim - 1))
        for direction, weights in zip(directions, filters, strict=True)
    ]


def _lengths(weights: Tensor) -> Tensor:
    return weights.flatten(1).norm(dim=1)


@torch.no_grad()
def _put(filters: list[Tensor], values: list[Tensor]) -> None:
    for weights, value in zip(filters, values, strict=True):
        weights.copy_(value)

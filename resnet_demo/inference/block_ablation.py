"""Ablation of a checkpoint's blocks: how often it is right with one switched off, for each. Which ones does it need?"""

from collections.abc import Generator

import torch

from resnet_demo.data.dataset import Dataset
from resnet_demo.inference.blocks import named_blocks, without_residual
from resnet_demo.inference.predictor import Classifier
from resnet_demo.runs.measured import BlockAblation
from resnet_demo.runs.worker_files import Progress

MOST_IMAGES = 1000  # the standard deviation of an accuracy on so many is at most 1.6 percentage points
BATCH = 100  # between two of them a job can be cancelled


def ablate_each_block(classifier: Classifier, dataset: Dataset) -> Generator[Progress, None, BlockAblation]:
    """On MOST_IMAGES test images. What comes before a block is computed once for all: that halves the work."""
    blocks = named_blocks(classifier.model)
    images, labels = dataset.spread_test_images(MOST_IMAGES)
    right = dict.fromkeys(["", *blocks], 0)  # '' is the whole network
    for start in range(0, len(labels), BATCH):
        yield Progress("removing", start, len(labels))
        with torch.inference_mode():
            for name, logits in _each_without(classifier, images[start : start + BATCH]):
                right[name] += int((logits.argmax(1) == labels[start : start + BATCH]).sum())
    return BlockAblation(
        digest=classifier.info.digest,
        data=dataset.source,
        images=len(labels),
        accuracy=right.pop("") / len(labels),
        without={name: count / len(labels) for name, count in right.items()},
    )


def _each_without(classifier: Classifier, images: torch.Tensor):
    """(block's name, logits (N, classes)) without each block, and ('', logits) of the whole network: those by which the
    checkpoint answers."""
    alone = _each_without_alone(classifier, images)
    if not classifier.info.flip_averaging:
        yield from alone
        return
    for (name, logits), (_, mirrored) in zip(alone, _each_without_alone(classifier, images.flip(-1)), strict=True):
        yield name, (logits + mirrored) / 2


def _each_without_alone(classifier: Classifier, images: torch.Tensor):
    """The same of the images alone."""
    model = classifier.model
    blocks = list(named_blocks(model).items())
    x = model.stem(classifier.normalise(images))
    for place, (name, block) in enumerate(blocks):
        y = without_residual(block, x)
        for _, later in blocks[place + 1 :]:
            y = later(y)
        yield name, model.head(y)
        x = block(x)
    yield "", model.head(x)

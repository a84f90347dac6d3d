"""How a network that is in training is asked: in evaluation mode, in the run's precision, without gradients."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from resnet_demo.data.batches import LabelledImages, Normalise
from resnet_demo.training.device import DeviceChoice
from resnet_demo.training.distributed import Processes

BATCH = 250  # images of one process
# The usual held-out part has 2,000 images and the usual test part 10,000: each size divides both, for a GPU chooses its
# kernels anew for every size of a batch, which takes seconds. At the largest, no map of ResNet-50 with the cifar stem
# has 2^31 numbers, which kernels count in 32 bits.
BATCHES_ON_CUDA = (2000, 1000, 500, BATCH)


def evaluation_batch(training_batch: int, device: torch.device) -> int:
    """Images of one process at a time. A GPU is asked for many at once: without gradients a batch holds a few of the
    network's maps where a training step holds all of them, so eight times as many fit."""
    if device.type != "cuda":
        return BATCH
    return next((size for size in BATCHES_ON_CUDA if size <= 8 * training_batch), BATCH)


def count_batches(part: LabelledImages, size: int, processes: Processes) -> int:
    """How many batches of `size` `batches_in_order` gives each process."""
    return math.ceil(len(part) / (size * processes.size))


def batches_in_order(
    part: LabelledImages, size: int, normalise: Normalise, processes: Processes
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Every image once, shared out among the processes: their places in `part`, the images, normalised, and their
    labels. The last batch may leave a process without any."""
    stretch = size * processes.size
    for start in range(0, len(part), stretch):
        chosen = slice(start + processes.rank, start + stretch, processes.size)
        yield chosen, normalise(part.images[chosen]), part.labels[chosen]


@torch.no_grad()
def evaluation_logits(network: nn.Module, choice: DeviceChoice, images: Tensor) -> Tensor:
    """Normalised images (N, 3, H, W) -> logits (N, classes) in float32. Leaves the network in evaluation mode."""
    network.eval()
    with choice.autocast():
        return network(images).float()


def loss_and_correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Summed loss (without label smoothing) and correct answers, (2,) on the device."""
    loss = nn.functional.cross_entropy(logits, labels, reduction="sum")
    return torch.stack([loss, (logits.argmax(1) == labels).sum()])

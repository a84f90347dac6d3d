"""What the card can do at most, measured, and what a training step asks of it, counted."""

import statistics
import time
from collections.abc import Callable
from math import prod

import torch

from benchmarks.gpu.modes import synchronize
from resnet_demo.models.describe import LayerDescription, describe
from resnet_demo.models.resnet import NetworkSpec
from resnet_demo.workers.estimate import FORWARD_AND_BACKWARD

SIDE = 32  # of the images, in pixels
BFLOAT16_BYTES = 2


def product_rate(device: str, size: int, repeats: int = 20) -> float:
    """Floating-point operations a second of a large bfloat16 matrix product, of random numbers."""
    a, b = (torch.randn(size, size, device=device).bfloat16() for _ in range(2))
    return 2 * size**3 / _median_seconds(lambda: a @ b, device, repeats)


def copy_rate(device: str, megabytes: int, repeats: int = 20) -> float:
    """Bytes a second of a copy within the device's memory, read and written bytes both counted."""
    source = torch.empty(megabytes * 2**20, dtype=torch.uint8, device=device).random_()
    target = torch.empty_like(source)
    return 2 * source.numel() / _median_seconds(lambda: target.copy_(source), device, repeats)


def _median_seconds(action: Callable[[], object], device: str, repeats: int) -> float:
    seconds = []
    for _ in range(repeats + 3):
        synchronize(device)
        start = time.perf_counter()
        action()
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[3:])


def step_flop(spec: NetworkSpec) -> float:
    """Floating-point operations of a training step, an image."""
    return 2 * FORWARD_AND_BACKWARD * describe(spec, SIDE).multiply_adds


def step_bytes(spec: NetworkSpec) -> float:
    """Bytes of activations that a training step moves layer by layer, an image, in bfloat16: each layer reads its
    input and writes its output, and backward reads input and output's gradient and writes the input's. A batch norm
    reads its input once more for the statistics, both ways."""
    network = describe(spec, SIDE)
    blocks = [block for stage in network.stages for block in stage.blocks]
    layers = [*network.stem, *network.head, *(layer for block in blocks for layer in block.layers)]
    sums = sum(3 * prod(block.layers[-1].out_shape) for block in blocks)  # of shortcut and branch
    return BFLOAT16_BYTES * (sum(map(_moved, layers)) + sums)


def _moved(layer: LayerDescription) -> int:
    into, out = prod(layer.in_shape), prod(layer.out_shape)
    once_more = 2 * into + out if layer.kind == "batch norm" else 0
    return 3 * into + 2 * out + once_more

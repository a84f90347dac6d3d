"""What SmallMapConv2d is worth: each convolution of ResNet-50 at 32 px, and a whole training step, against nn.Conv2d.

    python -m benchmarks.convolutions [--threads 1] [--precision float32] [--batch-size 128] [--repeats 15]
                                      [--write TABLE.md]

Both ways are timed in alternation, forward and backward, and the medians compared. With one thread the clock is the
thread's own CPU time, which other programs on the machine hardly disturb; with more it is the wall clock.
"""

import argparse
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from benchmarks.machine import PRECISIONS, machine_line, precision_name
from resnet_demo.models import small_maps
from resnet_demo.models.describe import LayerDescription, describe
from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.models.small_maps import SmallMapConv2d
from resnet_demo.runs.config import preset_config
from resnet_demo.training.device import DeviceChoice, choose_device
from resnet_demo.training.optimizer import make_optimizer

SPEC = NetworkSpec("resnet50", "imagenet")
SIDE = 32  # of the images, in pixels


def main() -> None:
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    lines = []
    for line in report(arguments.batch_size, arguments.repeats, choose_device("cpu", arguments.precision)):
        print(line, flush=True)
        lines.append(line)
    if arguments.write:
        arguments.write.write_text("\n".join(lines) + "\n")


def report(batch: int, repeats: int, choice: DeviceChoice) -> Iterator[str]:
    """The lines of two Markdown tables."""
    clock = "CPU time" if torch.get_num_threads() == 1 else "wall clock"
    yield (
        f"{machine_line()}. {precision_name(choice)}, channels_last, batch {batch}; "
        f"{clock}, ms, medians of {repeats} in alternation (quartiles)."
    )
    yield ""
    yield "| convolution | map | layers | nn.Conv2d | products | ratio | used |"
    yield "|---|---|---|---|---|---|---|"
    for shape, layers in _shapes().items():
        channels_in, channels_out, kernel_size, stride, side = shape
        plain, products = in_alternation(convolution_ways(shape, batch, choice), repeats)
        out = (side - 1) // stride + 1
        used = "yes" if out <= small_maps.largest_side(kernel_size, choice.precision) else "no"
        yield (
            f"| {kernel_size}x{kernel_size}, {channels_in} to {channels_out} | {side}x{side} to {out}x{out} "
            f"| {layers} | {_spread(plain)} | {_spread(products)} | {_ratio(plain, products):.2f} | {used} |"
        )
    yield ""
    plain, products = in_alternation(step_ways(batch, choice), repeats)
    yield "| whole step, AdamW | ms | images/s |"
    yield "|---|---|---|"
    for name, times in [("nn.Conv2d", plain), ("SmallMapConv2d", products)]:
        yield f"| {name} | {_spread(times)} | {batch / statistics.median(times) * 1e3:.0f} |"
    yield f"| ratio | {_ratio(plain, products):.2f} | |"


def convolution_ways(shape: tuple[int, ...], batch: int, choice: DeviceChoice) -> list[Callable[[], None]]:
    """Forward and both gradients by nn.Conv2d, and by products even where SmallMapConv2d would not take them."""
    channels_in, channels_out, kernel_size, stride, side = shape
    products = SmallMapConv2d(channels_in, channels_out, kernel_size, stride).to(memory_format=torch.channels_last)
    plain = as_plain(SmallMapConv2d(channels_in, channels_out, kernel_size, stride))
    plain = plain.to(memory_format=torch.channels_last)
    x = torch.randn(batch, channels_in, side, side).to(choice.precision)
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
    with choice.autocast():
        grad_y = torch.randn_like(plain(x))

    def run(convolution: nn.Module) -> None:
        with products_at_every_size(), choice.autocast():
            y = convolution(x)
        torch.autograd.grad(y, (x, convolution.weight), grad_y)

    return [lambda: run(plain), lambda: run(products)]


def step_ways(batch: int, choice: DeviceChoice) -> list[Callable[[], None]]:
    """A training step with nn.Conv2d, and one with SmallMapConv2d."""
    return [training_step(model, batch, choice) for model in (as_plain(ResNet(SPEC)), ResNet(SPEC))]


def training_step(model: nn.Module, batch: int, choice: DeviceChoice) -> Callable[[], None]:
    """A step of the `fast` preset's optimizer on so many random images."""
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = make_optimizer(preset_config("fast"), model)
    images = torch.randn(batch, 3, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(SPEC.num_classes, (batch,))

    def step() -> None:
        with choice.autocast():
            loss = nn.functional.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def as_plain(model: nn.Module) -> nn.Module:
    """The same model with the library's convolutions; changed in place."""
    for module in model.modules():
        if isinstance(module, SmallMapConv2d):
            module.__class__ = nn.Conv2d
    return model


@contextmanager
def products_at_every_size() -> Iterator[None]:
    """Lift the limit that keeps SmallMapConv2d to small maps, to see that it stands in the right place."""
    limit, small_maps.largest_side = small_maps.largest_side, lambda *_: SIDE
    try:
        yield
    finally:
        small_maps.largest_side = limit


def in_alternation(ways: list[Callable[[], None]], repeats: int) -> list[list[float]]:
    """Milliseconds of each way, `repeats` times, after two runs to warm up."""
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    times: list[list[float]] = [[] for _ in ways]
    for repeat in range(repeats + 2):
        for way, measured in zip(ways, times, strict=True):
            start = clock()
            way()
            if repeat >= 2:
                measured.append((clock() - start) * 1e3)
    return times


def _shapes() -> Counter[tuple[int, ...]]:
    """(C_in, C_out, kernel_size, stride, H) of each convolution behind the stem, and how many layers have it."""
    network = describe(SPEC, SIDE)
    layers = (layer for stage in network.stages for block in stage.blocks for layer in block.layers)
    return Counter(_shape(layer) for layer in layers if layer.kind == "convolution")


def _shape(layer: LayerDescription) -> tuple[int, ...]:
    return layer.in_shape[0], layer.out_shape[0], layer.kernel_size, layer.stride, layer.in_shape[1]


def _ratio(plain: list[float], products: list[float]) -> float:
    return statistics.median(plain) / statistics.median(products)


def _spread(times: list[float]) -> str:
    low, middle, high = statistics.quantiles(times, n=4)
    digits = 0 if middle >= 100 else 1
    return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the tables to this file, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Where a training step's time goes, beside what the machine's matrix product alone would allow.

    python -m benchmarks.step_profile [--threads 1] [--precision float32] [--batch-size 128] [--steps 6]

A step of the `fast` preset's network and optimizer on random images. The floor is the time that the step's
multiply-adds would take at the rate of a large product in the same precision, counted as the library counts (padding
included) and by the taps that fall on the map.
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.convolutions import SIDE, SPEC, training_step
from benchmarks.machine import PRECISIONS, machine_line, precision_name, publish
from resnet_demo.models.describe import LayerDescription, NetworkDescription, describe
from resnet_demo.models.resnet import ResNet
from resnet_demo.training.device import DeviceChoice, choose_device
from resnet_demo.workers.estimate import FORWARD_AND_BACKWARD

KINDS = {  # what an operator's time is counted as; the first whose word is in its name
    "library convolutions": ("mkldnn_convolution", "convolution_backward"),
    "convolutions as matrix products": ("aten::mm", "aten::addmm"),
    "batch norm": ("aten::native_batch_norm",),
    "optimizer": ("adamw", "optimizer.step"),
    "ReLU": ("aten::threshold", "aten::clamp", "aten::relu"),
    "sums of the shortcuts": ("aten::add",),
    "fills and copies": ("aten::fill", "aten::copy", "aten::zero"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--precision", choices=PRECISIONS, default="float32")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table to this file, too")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    publish(report(options.batch_size, options.steps, choose_device("cpu", options.precision)), options.write)


def report(batch: int, steps: int, choice: DeviceChoice) -> list[str]:
    step = _warm_step(batch, choice)
    step_s = statistics.median(_seconds(step) for _ in range(steps))
    rate = _product_rate(choice.precision)
    lines = [
        f"{machine_line()}; medians of {steps}.",
        "",
        f"A step of {batch} images in {precision_name(choice)} takes {1e3 * step_s:.0f} ms, "
        f"{batch / step_s:.0f} images/s. "
        f"A product of 2048x2048 matrices runs at {rate / 1e9:.0f} GFLOP/s.",
        "",
        "| the convolutions and the classifier at that rate | GFLOP an image | images/s | the step reaches |",
        "|---|---|---|---|",
    ]
    network = describe(SPEC, SIDE)
    counts = {
        "as the library counts": network.multiply_adds,
        "taps on the map only": _taps_on_the_map(network),
    }
    for name, multiply_adds in counts.items():
        flop = FORWARD_AND_BACKWARD * 2 * multiply_adds
        lines.append(f"| {name} | {flop / 1e9:.3f} | {rate / flop:.0f} | {batch / step_s / (rate / flop):.0%} |")
    lines += ["", "| where the step's time goes | ms | share |", "|---|---|---|"]
    shares = _by_kind(step, steps)
    whole = sum(shares.values())
    return lines + [f"| {kind} | {1e3 * s:.0f} | {s / whole:.1%} |" for kind, s in shares.items()]


def _warm_step(batch: int, choice: DeviceChoice) -> Callable[[], None]:
    torch.manual_seed(0)
    step = training_step(ResNet(SPEC), batch, choice)
    for _ in range(3):
        step()
    return step


def _by_kind(step, steps: int) -> dict[str, float]:
    """Seconds a step, the most first."""
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        for _ in range(steps):
            step()
    seconds: dict[str, float] = defaultdict(float)
    for operator in profiled.key_averages():
        name = operator.key.lower()
        kind = next((kind for kind, words in KINDS.items() if any(word in name for word in words)), "all else")
        seconds[kind] += operator.self_cpu_time_total / 1e6 / steps
    return dict(sorted(seconds.items(), key=lambda pair: -pair[1]))


def _taps_on_the_map(network: NetworkDescription) -> int:
    """Of one image's forward pass, without those of taps that fall beside the map."""
    layers = [layer for stage in network.stages for block in stage.blocks for layer in block.layers]
    return sum(map(_on_the_map, [*network.stem, *layers, *network.head]))


def _on_the_map(layer: LayerDescription) -> int:
    if layer.kind != "convolution":
        return layer.multiply_adds
    (_, side_in, _), (_, side_out, _) = layer.in_shape, layer.out_shape
    radius = layer.kernel_size // 2
    on_map = sum(
        0 <= place * layer.stride + tap - radius < side_in
        for place in range(side_out)
        for tap in range(layer.kernel_size)
    )
    return round(layer.multiply_adds * (on_map / (side_out * layer.kernel_size)) ** 2)


def _product_rate(precision: torch.dtype) -> float:
    """Floating-point operations a second of a large product."""
    size = 2048
    a, b = (torch.randn(size, size).to(precision) for _ in range(2))
    return 2 * size**3 / statistics.median(_seconds(lambda: a @ b) for _ in range(15))


def _seconds(action) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()

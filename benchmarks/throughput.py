"""Training images/s: this project's loop, with all that a user gets, against the article's and a plain torchvision
loop, in alternation.

    python -m benchmarks.throughput FOLDER [--steps 20] [--rounds 5] [--precisions float32] [--write TABLE.md]

FOLDER is CIFAR-10 as an image folder (FOLDER/train/<class>/*). All train with batch 128 at 32 px on the CPU, from
images that are decoded already. The article's: its network, its loader, its Adam. The plain loop: torchvision's
resnet50, channels_last, SGD, a DataLoader with random crop and flip. Both compute in float32. Ours: the Trainer of the
`fast` preset, with augmentation, averaging and logging, in float32 and in bfloat16, which it takes by itself where the
CPU multiplies it natively; evaluation and saving are outside, as in the others. What a CPU without AVX-512 would do,
one with it shows with ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 ATEN_CPU_CAPABILITY=avx2 before the command.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
import torchvision
from torchvision import transforms

from benchmarks.article import BATCH_SIZE, Decoded, article_loop, plain_loop
from benchmarks.machine import PRECISIONS, machine_line, publish, spread
from resnet_demo.data.dataset import Dataset
from resnet_demo.data.sources import drain, load_dataset
from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig, preset_config
from resnet_demo.training.device import choose_device
from resnet_demo.training.trainer import Trainer


def torchvision_loop(folder: Path) -> Iterator[None]:
    mean, std = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)
    prepare = transforms.Compose(
        [
            transforms.RandomCrop(32, 4, padding_mode="reflect"),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(mean, std),
        ]
    )
    model = torchvision.models.resnet50(num_classes=10).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    yield from plain_loop(model, optimizer, Decoded(folder, prepare), channels_last=True)


def our_loop(config: TrainConfig, dataset: Dataset, precision: str = "auto") -> Iterator[None]:
    for event in Trainer(config, dataset, choose_device("cpu", precision)).run():
        if isinstance(event, events.StepEnded):
            if event.phase == "evaluating":
                raise SystemExit("The steps to measure are more than an epoch has. Take fewer rounds or steps.")
            yield


def images_per_s(loops: dict[str, Iterator[None]], rounds: int, steps: int) -> dict[str, list[float]]:
    """Of each loop in each round of so many steps, in alternation."""
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for measured in range(rounds + 1):
        for name, loop in loops.items():
            start = time.perf_counter()
            for _ in range(steps):
                next(loop)
            if measured:  # the first round warms up
                rates[name].append(steps * BATCH_SIZE / (time.perf_counter() - start))
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where the decoded images are kept")
    parser.add_argument("--steps", type=int, default=20, help="steps in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS, help="of our own loop")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table to this file, too")
    options = parser.parse_args()
    train = options.folder / "train"
    dataset = drain(load_dataset(f"folder:{options.folder}", options.data_dir))
    config = replace(preset_config("fast"), epochs=1000, batch_size=BATCH_SIZE)
    loops = {
        "the article's loop": article_loop(train),
        "torchvision's resnet50, plain loop": torchvision_loop(train),
    }
    for precision in options.precisions:
        loops[f"resnet_demo, preset fast, {precision}"] = our_loop(config, dataset, precision)
    rates = images_per_s(loops, options.rounds, options.steps)
    article, torchvisions, *_ = rates.values()
    lines = [
        f"{machine_line()}; medians of {options.rounds} rounds of {options.steps} steps in alternation "
        "(lowest–highest).",
        "",
        "| training loop, batch 128, 32 px | images/s | times the article's | times torchvision's |",
        "|---|---|---|---|",
    ]
    for name, values in rates.items():
        ratios = [
            statistics.median(a / b for a, b in zip(values, base, strict=True)) for base in (article, torchvisions)
        ]
        lines.append(f"| {name} | {spread(values)} | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    publish(lines, options.write)


if __name__ == "__main__":
    main()

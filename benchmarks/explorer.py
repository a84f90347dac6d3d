"""How long the Architecture tab takes to draw a network: measured for the first time, and drawn again.

    python -m benchmarks.explorer [--rounds 5] [--write TABLE.md]

What a choice on the tab is answered with, made on the server: figures, the whole network, the inside of a block, and
the table of its stages. The first time counts what measures the network; torch is there before. It is one thread's
work, so its CPU time is what a machine takes that has nothing else to do.
"""

import argparse
import time
from pathlib import Path

import torch

from benchmarks.machine import machine_line, publish, spread
from resnet_demo.models.catalog import ARCHITECTURES, NetworkSpec
from resnet_demo.models.describe import describe
from resnet_demo.ui.html.explorer import explorer_html
from resnet_demo.ui.tabs.network_drawing import FIRST_BLOCK, draw_network

NETWORKS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet20", "plain56", "plain110")
SIZE = 32  # pixels a side; the work does not depend on it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="each with every network once")
    parser.add_argument("--write", type=Path, help="also write the table to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    _drawing_ms(NetworkSpec(NETWORKS[0]))  # what torch loads with the first network is no network's own
    publish([f"{machine_line()}.", "", *_table(options.rounds)], options.write)


def _table(rounds: int) -> list[str]:
    first: dict[str, list[tuple[float, float]]] = {arch: [] for arch in NETWORKS}
    again: dict[str, list[tuple[float, float]]] = {arch: [] for arch in NETWORKS}
    for _ in range(rounds):
        describe.cache_clear()
        for arch in NETWORKS:
            first[arch].append(_drawing_ms(NetworkSpec(arch)))
            again[arch].append(_drawing_ms(NetworkSpec(arch)))
    lines = [
        f"Medians of {rounds} (lowest–highest), in milliseconds.",
        "",
        "| network | blocks | first drawing | its CPU time | drawn again | its CPU time | kB of the drawing |",
        "|---|---|---|---|---|---|---|",
    ]
    for arch in NETWORKS:
        size = len(explorer_html(describe(NetworkSpec(arch), SIZE), FIRST_BLOCK).encode()) / 1000
        label, blocks = ARCHITECTURES[arch].label, sum(ARCHITECTURES[arch].depths)
        times = [spread(one) for measured in (first, again) for one in zip(*measured[arch], strict=True)]
        lines.append(f"| {label} | {blocks} | {' | '.join(times)} | {size:.0f} |")
    return lines


def _drawing_ms(spec: NetworkSpec) -> tuple[float, float]:
    """Passed, and of the processor."""
    start, cpu = time.perf_counter(), time.thread_time()
    draw_network(spec.arch, spec.stem, spec.shortcut, SIZE, FIRST_BLOCK)
    return 1e3 * (time.perf_counter() - start), 1e3 * (time.thread_time() - cpu)


if __name__ == "__main__":
    main()

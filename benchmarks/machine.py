"""What a figure was measured on, how it is summed up, and where it goes."""

import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch

from resnet_demo.text import plural
from resnet_demo.training.device import DeviceChoice

PRECISIONS = ("float32", "bfloat16")  # that a benchmark may be asked for


def machine_line() -> str:
    """Processor, vector extension, threads, load, versions."""
    return (
        f"{processor()}, {torch.backends.cpu.get_cpu_capability()}, {plural(torch.get_num_threads(), 'thread')}, "
        f"load {os.getloadavg()[0]:.1f}; torch {torch.__version__}, Python {platform.python_version()}"
    )


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def precision_name(choice: DeviceChoice) -> str:
    """'bfloat16'."""
    return str(choice.precision).removeprefix("torch.")


def spread(values: Sequence[float]) -> str:
    """'median (lowest–highest)'."""
    middle = statistics.median(values)
    digits = 0 if middle >= 100 else 1 if middle >= 10 else 2
    return f"{middle:.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def publish(lines: Sequence[str], file: Path | None) -> None:
    """Print a report, and write it for the README where a file is named."""
    text = "\n".join(lines)
    print(text)
    if file:
        file.write_text(text + "\n")

"""How long a run will take, before it starts: from earlier runs like it, else from counted work over a measured
rate."""

import functools
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from resnet_demo.data.known import FOLDER, KNOWN
from resnet_demo.data.splits import held_out_count
from resnet_demo.models.catalog import NetworkSpec
from resnet_demo.models.describe import describe
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import RunError
from resnet_demo.runs.store import RunStore
from resnet_demo.training.device import DeviceChoice

INPUT_SIZE = 32
COUNTED_S = 60  # how long a folder is taken to hold what it held
# What an earlier run must share to tell this one's speed.
SAME_SPEED = ("batch_size", "precision", "compile", "cuda_graph", "deterministic")  # and the network
FORWARD_AND_BACKWARD = 3  # the backward pass multiplies twice: by the weights, and by the inputs
EFFICIENCY = 0.7  # of the matrix-product rate that training reaches: 0.8 measured with the imagenet stem on one CPU


@dataclass(frozen=True)
class Estimate:
    """`seconds` and `steps_per_epoch` are None where nothing is known of the data yet; `about` marks what no earlier
    run has shown. On a GPU without an earlier run `images_per_s` and `seconds` are None: there the time goes into
    starting hundreds of small operations, which no rate tells."""

    seconds: float | None
    images_per_s: float | None
    about: bool
    steps_per_epoch: int | None = None


def estimate(config: TrainConfig, store: RunStore, choice: DeviceChoice) -> Estimate:
    """The duration of a run with this config on this device, evaluations included."""
    speed = _earlier_speed(config, store, choice)
    about = speed is None
    if speed is None and choice.device.type == "cpu":
        work = 2 * FORWARD_AND_BACKWARD * multiply_adds(config.network())
        speed = EFFICIENCY * matmul_flops_per_s(choice.precision) / work
    sizes = _sizes(config)
    if sizes is None:
        return Estimate(None, speed, about)
    train, evaluated = sizes
    images = config.epochs * (train + evaluated / FORWARD_AND_BACKWARD)
    return Estimate(images / speed if speed else None, speed, about, train // config.batch_size)


def _earlier_speed(config: TrainConfig, store: RunStore, choice: DeviceChoice) -> float | None:
    """Images/s of earlier runs with the same network, batch and device; the newest three, so that it stays true."""
    speeds: list[float] = []
    for run in store.runs():
        if len(speeds) == 3:
            break
        try:
            other, device = run.config(), run.environment().get("device")
        except RunError:  # its settings are not readable: it tells nothing of speed
            continue
        alike = other.network() == config.network() and all(
            getattr(other, name) == getattr(config, name) for name in SAME_SPEED
        )
        if alike and device == choice.name and (speed := run.view().images_per_s):
            speeds.append(speed)
    return median(speeds) if speeds else None


def _sizes(config: TrainConfig) -> tuple[int, int] | None:
    """Pictures trained on in an epoch, and evaluated after it; None where the folder tells nothing."""
    moment = round(time.time() / COUNTED_S)
    known = KNOWN.get(config.data)
    counted = (known.train_images, known.test_images) if known else _folder_sizes(config.data, moment)
    if counted is None:
        return None
    train, test = counted
    train, test = min(train, config.train_images or train), min(test, config.test_images or test)
    held_out = held_out_count(train, config.validation_images)
    return train - held_out, test + held_out


@functools.lru_cache(maxsize=16)
def _folder_sizes(source: str, moment: int) -> tuple[int, int] | None:
    """Files in PATH/train and PATH/test, or nine tenths and one tenth of one level of class folders; counted anew at
    another moment."""
    folder = Path(source.removeprefix(FOLDER)).expanduser()
    parts = [sum(1 for _ in (folder / part).glob("*/*")) for part in ("train", "test")]
    if all(parts):
        return parts[0], parts[1]
    files = sum(1 for _ in folder.glob("*/*"))
    return (files - files // 10, files // 10) if files else None


@functools.cache
def multiply_adds(network: NetworkSpec) -> int:
    """Of one picture's forward pass."""
    return describe(network, INPUT_SIZE).multiply_adds


@functools.cache
def matmul_flops_per_s(precision: torch.dtype) -> float:
    """Of the CPU; measured once, for about a second, with a large matrix product."""
    side = 1024
    a, b = (torch.randn(side, side, dtype=precision) for _ in range(2))
    a @ b  # the first product chooses kernels and allocates
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < 1.0:
        a @ b
        done += 1
    return done * 2 * side**3 / (time.perf_counter() - began)

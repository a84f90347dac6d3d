"""How long a run will take, before it starts: from earlier runs like it, else from counted work over a measured
rate."""

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

import torch

from resnet_demo.data.known import FOLDER, KNOWN
from resnet_demo.data.splits import held_out_count
from resnet_demo.models.catalog import NetworkSpec
from resnet_demo.models.describe import describe
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.training.device import DeviceChoice
from resnet_demo.workers.machine_speed import matmul_rate

INPUT_SIZE = 32
COUNTED_S = 60  # how long a folder is taken to hold what it held
# What an earlier run must share to tell this one's speed.
SAME_SPEED = ("batch_size", "precision", "compile", "cuda_graph", "deterministic")  # and the network
FORWARD_AND_BACKWARD = 3  # the backward pass multiplies twice: by the weights, and by the inputs
UNCERTAIN = 1.25  # an estimate without an earlier run may be wrong by this factor, either way
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
    least_s: float | None = None  # where it is `about`: the bounds of what is likely
    most_s: float | None = None
    is_busy: bool = False  # other programs keep the machine busy now


def estimate(config: TrainConfig, earlier: Sequence[Snapshot], choice: DeviceChoice, data_dir: Path) -> Estimate:
    """The duration of a run with this config on this device, evaluations included. `earlier` are the known runs, newest
    first."""
    speed = _earlier_speed(config, earlier, choice)
    fastest, slowest, is_busy = speed, speed, False
    if speed is None and choice.device.type == "cpu":
        work = 2 * FORWARD_AND_BACKWARD * multiply_adds(config.network())
        rate = matmul_rate(choice.name, choice.precision, config.threads or torch.get_num_threads(), data_dir)
        speed, is_busy = EFFICIENCY * rate.idle / work, rate.now < rate.idle
        fastest, slowest = speed * UNCERTAIN, EFFICIENCY * rate.now / work / UNCERTAIN
    sizes = _sizes(config)
    if sizes is None:
        return Estimate(None, speed, speed != fastest or speed is None)
    train, evaluated = sizes
    images = config.epochs * (train + evaluated / FORWARD_AND_BACKWARD)
    seconds, least, most = (images / one if one else None for one in (speed, fastest, slowest))
    about = speed is None or fastest != slowest
    return Estimate(seconds, speed, about, train // config.batch_size, least, most, is_busy)


def _earlier_speed(config: TrainConfig, earlier: Sequence[Snapshot], choice: DeviceChoice) -> float | None:
    """Images/s of earlier runs with the same network, batch and device; the newest three, so that it stays true."""
    alike = (
        run.view.images_per_s
        for run in earlier
        if run.device == choice.name
        and run.config.network() == config.network()
        and all(getattr(run.config, name) == getattr(config, name) for name in SAME_SPEED)
    )
    speeds = list(islice((speed for speed in alike if speed), 3))
    return median(speeds) if speeds else None


def _sizes(config: TrainConfig) -> tuple[int, int] | None:
    """Images trained on in an epoch, and evaluated after it; None where the folder tells nothing."""
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
    """Of one image's forward pass."""
    return describe(network, INPUT_SIZE).multiply_adds

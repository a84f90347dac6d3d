"""How a step may be run, and which way was found to be the fastest."""

import time
from itertools import islice

import torch

from benchmarks.gpu.networks import noise
from benchmarks.gpu.setting import Setting
from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig
from resnet_demo.training.device import prepare
from resnet_demo.training.trainer import Trainer

EAGER = "eager"
MODES = {  # what each changes in a run's settings
    EAGER: {},
    "CUDA graph": {"cuda_graph": True},
    "compiled": {"compile": True},
    "compiled, CUDA graph": {"compile": True, "cuda_graph": True},
}
QUICK = [mode for mode, changes in MODES.items() if "compile" not in changes]
COMPILED = [mode for mode in MODES if mode not in QUICK]
COMPILING_S = 20.0  # of a run's start, where the kernels of an earlier part are kept
WARM_UP_STEPS = 8
PROBE_STEPS = 20


def key(config: TrainConfig, mode: str) -> str:
    """By which a measured rate is kept."""
    return f"{config.arch}/{config.stem}/{config.batch_size}/{mode}"


def graph_is_right(setting: Setting) -> bool:
    """Whether part `correct` has found a replayed step to be the step."""
    failed = setting.found("correct").get("failed")
    return failed is not None and "replays" not in failed


def measured_rates(setting: Setting, config: TrainConfig) -> dict[str, float]:
    """images/s of each mode that part `speed` has measured for this network and batch, and that is right."""
    rates = setting.found("speed").get("rates", {})
    usable = [mode for mode, changes in MODES.items() if graph_is_right(setting) or not changes.get("cuda_graph")]
    return {mode: rates[key(config, mode)] for mode in usable if key(config, mode) in rates}


def fastest(setting: Setting, config: TrainConfig, seconds: float) -> dict[str, bool]:
    """The changes in a run's settings by which it gets through the most images in so many seconds, the compiler's
    counted; none where nothing was measured."""
    rates = measured_rates(setting, config)
    images = {mode: rate * (seconds - COMPILING_S * ("compile" in MODES[mode])) for mode, rate in rates.items()}
    return MODES[max(images, key=images.get)] if images else {}


def rate_of(setting: Setting, config: TrainConfig) -> float:
    """images/s with these settings; measured here and now where part `speed` has not."""
    rates = measured_rates(setting, config)
    chosen = {name: True for name in ("compile", "cuda_graph") if getattr(config, name)}
    mode = next(mode for mode, changes in MODES.items() if changes == chosen)
    return rates[mode] if mode in rates else probe(config)


def probe(config: TrainConfig) -> float:
    """images/s of some steps after a warm-up."""
    trainer = Trainer(config, noise((WARM_UP_STEPS + PROBE_STEPS + 2) * config.batch_size * 10 // 9), prepare(config))
    steps = (event for event in trainer.run() if isinstance(event, events.StepEnded))
    for _ in islice(steps, WARM_UP_STEPS):
        pass
    synchronize(config.device)
    start = time.perf_counter()
    for _ in islice(steps, PROBE_STEPS):
        pass
    synchronize(config.device)
    return PROBE_STEPS * config.batch_size / (time.perf_counter() - start)


def synchronize(device: str) -> None:
    """Wait until the device has done all that it was given."""
    if device == "cuda":
        torch.cuda.synchronize()

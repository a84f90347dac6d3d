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
WARM_UP_STEPS = 8
PROBE_STEPS = 20


def key(config: TrainConfig, mode: str) -> str:
    """By which a measured rate is kept."""
    return f"{config.arch}/{config.stem}/{config.batch_size}/{mode}"


def measured_rates(setting: Setting, config: TrainConfig) -> dict[str, float]:
    """images/s of each mode that part `speed` has measured for this network and batch."""
    rates = setting.found("speed").get("rates", {})
    return {mode: rates[key(config, mode)] for mode in MODES if key(config, mode) in rates}


def fastest(setting: Setting, config: TrainConfig) -> dict[str, bool]:
    """The changes in a run's settings that were measured to be the fastest; none where nothing was measured."""
    rates = measured_rates(setting, config)
    return MODES[max(rates, key=rates.get)] if rates else {}


def rate_of(setting: Setting, config: TrainConfig) -> float:
    """images/s in the fastest mode; measured here and now where part `speed` has not."""
    rates = measured_rates(setting, config)
    return max(rates.values()) if rates else probe(config)


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

"""The weights worth shipping: ResNet-50, stem cifar, by the recipe of `accurate`, for as long as there is time."""

from dataclasses import replace

from benchmarks.gpu.modes import COMPILING_S, fastest, rate_of
from benchmarks.gpu.networks import TINY
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.training_runs import HEAD, SAVING_S, row, start, wait
from resnet_demo.runs.config import TrainConfig, preset_config
from resnet_demo.workers.estimate import FORWARD_AND_BACKWARD

TRAINED, EVALUATED = 48_000, 12_000  # images of an epoch
CUTOUT = 8
STARTING_S = 15.0  # until the first step, and for the choice of kernels
SAVING_AN_EPOCH_S = 0.5
MARGIN = 0.93  # of the time that is left: a rate in a run is a little below the measured one


def run(setting: Setting) -> None:
    setting.report("## Accurate\n")
    training = start(setting, "accurate", config_of(setting))
    wait(setting, [training])
    setting.report(HEAD)
    setting.report(row("`accurate`", training))
    setting.report()


def config_of(setting: Setting) -> TrainConfig:
    """The preset with as many epochs as there is time for, so that its learning rate falls to zero at the end. With
    cutout, which published recipes for these images gain by, and which the preset will have once it is measured."""
    given = {"data": setting.source(), "device": setting.device}
    if setting.tiny:
        (spec,) = TINY
        return preset_config("accurate", arch=spec.arch, stem=spec.stem, epochs=1, batch_size=16, **given)
    config = preset_config("accurate", **given, cutout=CUTOUT)
    config = replace(config, **fastest(setting, config, setting.remaining_s))
    rate = rate_of(setting, config)
    starting_s = STARTING_S + COMPILING_S * config.compile
    return replace(config, epochs=min(config.epochs, epochs_within(setting.remaining_s - starting_s, rate)))


def epochs_within(seconds: float, images_per_s: float) -> int:
    """Whole epochs, each with its evaluation and a save; at least one."""
    epoch_s = (TRAINED + EVALUATED / FORWARD_AND_BACKWARD) / images_per_s + SAVING_AN_EPOCH_S
    return max(1, int(MARGIN * (seconds - SAVING_S) / epoch_s))

"""The weights worth shipping: ResNet-50, stem cifar, by the recipe of `accurate`, for as long as there is time."""

from dataclasses import replace

from benchmarks.gpu.modes import fastest
from benchmarks.gpu.networks import TINY
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.training_runs import HEAD, epochs_in_time, row, start, wait
from resnet_demo.runs.config import TrainConfig, preset_config

CUTOUT = 8


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
    return replace(config, epochs=epochs_in_time(setting, config))

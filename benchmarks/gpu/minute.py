"""95 % in a minute? The preset `minute`, one seed, by the wall clock."""

from dataclasses import replace

from benchmarks.gpu.modes import COMPILING_S, fastest, rate_of
from benchmarks.gpu.networks import TINY
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.training_runs import HEAD, epochs_within, row, start, wait
from resnet_demo.runs.config import TrainConfig, preset_config

AIM = 0.95
MINUTE_S = 60.0  # from the start of the process
STARTING_S = 15.0  # about, until the first step: of a run that takes a little longer than a minute nothing is lost


def run(setting: Setting) -> None:
    setting.report("## 95 % in a minute\n")
    config = config_of(setting)
    training = start(setting, "minute", config)
    wait(setting, [training])
    setting.report(HEAD)
    setting.report(row("`minute`", training))
    if config.epochs < (wanted := preset_config("minute").epochs):
        setting.report(f"\nIt had {config.epochs} of the preset's {wanted} epochs.")
    reached = [epoch for epoch in training.run.view().epochs if epoch.test_accuracy >= AIM]
    if reached:
        after = reached[0].time - training.began
        setting.report(f"\n{100 * AIM:.0f} % of the test images for the first time after {after:.1f} s.")
    setting.report()


def config_of(setting: Setting) -> TrainConfig:
    given = {"data": setting.source(), "device": setting.device}
    if setting.tiny:
        (spec,) = TINY
        return preset_config("minute", arch=spec.arch, stem=spec.stem, epochs=2, batch_size=16, **given)
    config = preset_config("minute", **given)
    seconds = min(setting.remaining_s, MINUTE_S) - STARTING_S
    config = replace(config, **fastest(setting, config, seconds))
    seconds -= COMPILING_S * config.compile
    epochs = epochs_within(seconds, rate_of(setting, config), margin=1.0, saving_s=0.0)
    return replace(config, epochs=min(config.epochs, epochs))

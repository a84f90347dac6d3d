"""The paper's small networks side by side on the one device: with shortcuts and without, 20 and 56 layers deep."""

from benchmarks.gpu.modes import graph_is_right
from benchmarks.gpu.networks import FAMILY, family
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.training_runs import HEAD, row, start, wait
from resnet_demo.runs.config import TrainConfig, preset_config

EPOCHS = 100
LEAST_S = 100.0  # in less nothing of the hundred epochs comes to its end


def run(setting: Setting) -> None:
    setting.report("## The small ones\n")
    if not (names := family(setting)):
        setting.report(f"Skipped: the catalog has none of {', '.join(FAMILY)} yet.\n")
        return
    if setting.remaining_s < LEAST_S and not setting.tiny:
        setting.report(
            f"Skipped: {setting.remaining_s:.0f} s are too short for {EPOCHS} epochs. Call again with "
            "`--parts small --minutes 5`.\n"
        )
        return
    trainings = {name: start(setting, name, config_of(setting, name)) for name in names}
    wait(setting, list(trainings.values()))
    setting.report(HEAD)
    for name, training in trainings.items():
        setting.report(row(name, training))
    setting.report()


def config_of(setting: Setting, name: str) -> TrainConfig:
    """One recipe and one seed for all four, near the paper's (section 4.2): batch 128, rate 0.1, crops and flips."""
    given = {"data": setting.source(), "device": setting.device, "arch": name}
    if setting.tiny:
        return preset_config("accurate", **given, epochs=1, batch_size=16)
    given["cuda_graph"] = graph_is_right(setting)  # the steps of so small networks are nothing but starting kernels
    return preset_config("accurate", **given, epochs=EPOCHS, batch_size=128, learning_rate=0.1, weight_decay=1e-4)

"""By which held-out accuracies a run ends before its last epoch."""

import pytest

from resnet_demo.language import CHINESE, in_language
from resnet_demo.runs.config import ConfigError, TrainConfig, preset_config
from resnet_demo.runs.early_stopping import ending_text, reason_to_stop


@pytest.mark.parametrize(
    ("accuracies", "patience", "stops"),
    [
        ([], 1, False),
        ([0.5], 1, False),
        ([0.5, 0.5], 1, True),  # as good is no gain
        ([0.5, 0.6], 1, False),
        ([0.5, 0.6, 0.59], 2, False),
        ([0.5, 0.6, 0.59, 0.6], 2, True),
        ([0.6, 0.5, 0.61], 2, False),
        ([0.6, 0.5, 0.5, 0.5], 0, False),  # off
        ([None, None, None], 1, False),  # nothing was held out
    ],
)
def test_epochs_without_a_gain_end_a_run(accuracies, patience, stops):
    assert bool(reason_to_stop(accuracies, patience)) == stops


def test_the_reason_names_the_best_epoch():
    assert reason_to_stop([0.5, 0.812, 0.8, 0.7], 2) == (
        "Stopped early: no gain in held-out accuracy for 2 epochs. The best was 81.2 % after epoch 2, "
        "whose weights are kept."
    )


@pytest.mark.parametrize("patience", [1, 2])
def test_who_reads_it_reads_it_in_their_language(patience):
    message = reason_to_stop([0.5, 0.812, 0.8, 0.7], patience)
    assert ending_text(message) == message and ending_text("Stopped on request.") == "Stopped on request."
    with in_language(CHINESE):
        assert ending_text(message) == (
            f"提前停止：留出集准确率连续 {patience} 轮没有提高。最好的是第 2 轮后的 81.2 %，该轮的权重已保留。"
        )


def test_without_held_out_images_it_is_refused_with_the_reason():
    with pytest.raises(ConfigError, match="goes by held-out images, and this run has none") as refused:
        TrainConfig(validation_images=0, early_stopping_patience=3)
    assert list(refused.value.problems) == ["early_stopping_patience"]
    with pytest.raises(ConfigError):
        preset_config("article", early_stopping_patience=3)


def test_a_run_from_before_has_none():
    values = TrainConfig().to_dict()
    del values["early_stopping_patience"]
    assert TrainConfig.from_dict(values).early_stopping_patience == 0

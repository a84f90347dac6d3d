"""Every hyperparameter has one home, and says what is wrong with a value in one sentence."""

from dataclasses import fields

import pytest

from resnet_demo.runs.config import PRESETS, ConfigError, TrainConfig, preset_config, problem_with


def test_every_setting_explains_itself():
    for field in fields(TrainConfig):
        assert field.metadata["label"] and field.metadata["help"].endswith("."), field.name


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset):
    config = preset_config(preset)
    assert config.preset == preset
    assert TrainConfig.from_dict(config.to_dict()) == config


def test_presets_train_a_resnet50_except_where_the_time_is_short():
    networks = {preset: (preset_config(preset).arch, preset_config(preset).stem) for preset in PRESETS}
    assert networks == {
        "fast": ("resnet50", "imagenet"),
        "half_hour": ("resnet18", "compact"),
        "accurate": ("resnet50", "cifar"),
        "minute": ("resnet18", "cifar"),
        "article": ("resnet50", "imagenet"),
        "tour": ("resnet50", "imagenet"),
    }


def test_article_is_the_articles_recipe():
    config = preset_config("article")
    assert (config.optimizer, config.learning_rate, config.batch_size, config.epochs) == ("adam", 1e-3, 128, 100)
    assert (config.schedule, config.normalisation, config.validation_images) == ("constant", "imagenet", 0)
    assert (config.flip, config.crop_padding, config.averaging, config.label_smoothing) == (False, 0, 0, 0)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("epochs", 0, "from 1 to 1000"),
        ("epochs", 2.5, "whole number"),
        ("epochs", True, "whole number"),
        ("batch_size", None, "whole number"),
        ("learning_rate", float("nan"), "from 1e-07 to 10.0"),
        ("learning_rate", "fast", "number"),
        ("optimizer", "magic", "adamw, adam, sgd"),
        ("data", "folder:", "cifar10, digits, folder:PATH"),
        ("data", "../etc", "cifar10, digits, folder:PATH"),
        ("preset", "slow", "fast, half_hour, accurate, minute, article, tour"),
        ("flip", 1, "yes or no"),
        ("seed", -1, "from 0"),
        ("start_from", "run:", "run:ID or torchvision"),
        ("start_from", "/srv/model.safetensors", "run:ID or torchvision"),
    ],
)
def test_a_wrong_value_is_named(name, value, words):
    assert words in problem_with(name, value)
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**{name: value})
    assert list(caught.value.problems) == [name]


def test_whole_numbers_are_numbers_too():
    assert problem_with("learning_rate", 1) is None


def test_all_problems_are_named_at_once():
    with pytest.raises(ConfigError) as caught:
        TrainConfig(epochs=0, batch_size=1)
    assert set(caught.value.problems) == {"epochs", "batch_size"}


def test_settings_of_a_newer_version_are_refused():
    with pytest.raises(ConfigError, match="update resnet_demo"):
        TrainConfig.from_dict({"epochs": 3, "warp": 9})


def test_unknown_preset_is_refused_with_the_choices():
    with pytest.raises(ConfigError, match="fast, half_hour, accurate, minute, article, tour"):
        preset_config("slow")

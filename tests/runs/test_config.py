"""Every hyperparameter has one home, and says what is wrong with a value in one sentence."""

import re
from dataclasses import fields

import pytest

from resnet_demo.models.catalog import ARCHITECTURES, NetworkSpec
from resnet_demo.runs.config import ConfigError, TrainConfig, preset_config, problem_with
from resnet_demo.runs.presets import PRESETS
from resnet_demo.runs.schedule import learning_rate
from resnet_demo.training.errors import BatchTooSmall


def test_every_setting_explains_itself():
    for field in fields(TrainConfig):
        assert field.metadata["label"] and field.metadata["help"].endswith("."), field.name


def test_what_the_seed_promises_names_what_keeps_it():
    """On CUDA it is true of one setting alone, and of other devices it is not."""
    promised = TrainConfig.__dataclass_fields__["seed"].metadata["help"]
    assert "bit for bit on a CPU with as many threads, and on CUDA with deterministic kernels" in promised
    assert promised.endswith("elsewhere equal up to rounding.")


@pytest.mark.parametrize("setting", ["arch", "stem", "shortcut"])
def test_the_small_networks_are_named_as_they_are(setting):
    """ResNet-34 and 50 lie between 20 and 110 layers, too, and are none of them."""
    small = {name.removeprefix("resnet") for name, one in ARCHITECTURES.items() if one.stems == ("cifar",)}
    said = TrainConfig.__dataclass_fields__[setting].metadata["help"]
    assert set(re.findall(r"\d+", said)) == {number for number in small if number.isdecimal()} and small


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset):
    config = preset_config(preset)
    assert config.preset == preset
    assert TrainConfig.from_dict(config.to_dict()) == config


def test_presets_train_a_resnet50_except_where_the_time_is_short_and_as_the_paper():
    specs = {preset: preset_config(preset).network() for preset in PRESETS}
    networks = {preset: (network.arch, network.stem) for preset, network in specs.items()}
    assert networks == {
        "fast": ("resnet50", "imagenet"),
        "half_hour": ("resnet18", "compact"),
        "accurate": ("resnet50", "cifar"),
        "minute": ("resnet18", "cifar"),
        "article": ("resnet50", "imagenet"),
        "paper": ("resnet20", "cifar"),
        "tour": ("resnet50", "imagenet"),
    }


def test_article_is_the_articles_recipe():
    config = preset_config("article")
    assert (config.optimizer, config.learning_rate, config.batch_size, config.epochs) == ("adam", 1e-3, 128, 100)
    assert (config.schedule, config.normalisation, config.validation_images) == ("constant", "imagenet", 0)
    assert (config.flip, config.crop_padding, config.ema_decay, config.label_smoothing) == (False, 0, 0, 0)


def test_paper_is_the_papers_recipe_for_small_networks():
    """arXiv:1512.03385, section 4.2: 64k steps of 128 images, a tenth of the rate at 32k and 48k."""
    config = preset_config("paper")
    assert config.network() == NetworkSpec("resnet20", "cifar", 10, "A")
    assert (config.optimizer, config.momentum, config.weight_decay, config.batch_size) == ("sgd", 0.9, 1e-4, 128)
    assert (config.flip, config.crop_padding, config.ema_decay, config.zero_init_residual) == (True, 4, 0, False)
    per_epoch = (50_000 - config.validation_images) // config.batch_size
    total = config.epochs * per_epoch
    rates = [learning_rate(step, total, config.learning_rate, config.schedule, config.warmup) for step in range(total)]
    assert [round(rate, 9) for rate in dict.fromkeys(rates)] == [0.1, 0.01, 0.001]
    assert [rates.index(rate) for rate in dict.fromkeys(rates)] == pytest.approx([0, 32_000, 48_000], abs=per_epoch)
    assert total == pytest.approx(64_000, abs=per_epoch)


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
        ("preset", "slow", "fast, half_hour, accurate, minute, article, paper, tour"),
        ("flip", 1, "yes or no"),
        ("seed", -1, "from 0"),
        ("shortcut", "option_a", "auto, A, B, C"),
        ("shortcut", "none", "auto, A, B, C"),
        ("start_from", "run:", "run:ID, torchvision or, on the command line, file:PATH"),
        ("start_from", "/srv/model.safetensors", "run:ID, torchvision or, on the command line, file:PATH"),
    ],
)
def test_a_wrong_value_is_named(name, value, words):
    assert words in problem_with(name, value)
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**{name: value})
    assert list(caught.value.problems) == [name]


@pytest.mark.parametrize(
    ("settings", "name", "words"),
    [
        ({"arch": "plain20", "shortcut": "A"}, "shortcut", "Plain-20 has no shortcuts"),
        ({"arch": "resnet50_article", "shortcut": "C"}, "shortcut", "has shortcuts of its own"),
        ({"arch": "resnet20", "start_from": "torchvision"}, "start_from", "resnet18, resnet34, resnet50"),
        ({"arch": "plain50", "start_from": "torchvision"}, "start_from", "resnet18, resnet34, resnet50"),
        ({"arch": "resnet50", "shortcut": "A", "start_from": "torchvision"}, "start_from", "the shortcuts B alone"),
    ],
)
def test_settings_that_do_not_go_together_are_named(settings, name, words):
    with pytest.raises(ConfigError, match=words) as caught:
        TrainConfig(**settings)
    assert list(caught.value.problems) == [name]


def test_shortcuts_that_are_not_named_are_what_they_were():
    """A config.json of before the setting: each network that there was had the option B."""
    for arch in ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152"):
        old = {name: value for name, value in TrainConfig(arch=arch).to_dict().items() if name != "shortcut"}
        assert TrainConfig.from_dict(old).network().shortcut == "B"


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
    with pytest.raises(ConfigError, match="fast, half_hour, accurate, minute, article, paper, tour"):
        preset_config("slow")


def test_settings_by_their_former_names_are_read():
    config = TrainConfig(ema_decay=0.5, norm_bias_lr_mult=2.0, schedule="linear_warmup_decay")
    before = config.to_dict()
    before |= {"averaging": before.pop("ema_decay"), "norm_rate_factor": before.pop("norm_bias_lr_mult")}
    before["schedule"] = "one_cycle"
    assert TrainConfig.from_dict(before) == config


def test_a_batch_that_processes_cannot_share_is_refused_for_a_new_run_alone(store):
    """A run that an earlier version has made is still opened, and says so when it trains."""
    config = preset_config("tour", batch_size=2, processes=4)
    with pytest.raises(ConfigError, match="A batch of 2 is too small for 4 processes"):
        store.create(config)
    assert TrainConfig.from_dict(config.to_dict()) == config and store.runs() == []
    assert BatchTooSmall.comes_again  # its settings do not change: no Resume is offered

"""A run that was trained elsewhere becomes one that comes with the project."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from benchmarks import ship
from resnet_demo.data.sources import drain, load_dataset
from resnet_demo.errors import UserError
from resnet_demo.runs.evaluation import load_evaluation
from tests.support.checkpoints import INFO, make_run
from tests.support.image_folders import fill, noise_image


@pytest.fixture
def here(tmp_path):
    """The run's images, in another folder than on the machine that trained."""
    for part, count in (("train", 12), ("test", 3)):
        fill(tmp_path / "here" / part, dict.fromkeys(INFO.classes, count))
    return f"folder:{tmp_path / 'here'}"


@pytest.fixture
def run(store, here, tmp_path):
    digest = drain(load_dataset(here, tmp_path / "data")).test_digest()
    return make_run(store, "trained", replace(INFO, split="by_name", tested_on=digest))


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    """The blocks and the landscape, which take longest, have tests of their own."""

    def nothing(classifier, dataset):
        yield
        return SimpleNamespace(save=lambda run: None)

    monkeypatch.setattr(ship, "ablate_each_block", nothing)
    monkeypatch.setattr(ship, "loss_landscape", nothing)


def test_a_run_is_measured_on_its_images_in_another_folder(run, here, tmp_path):
    shipped = ship.ship(run, tmp_path / "out", "From a GPU", tmp_path / "data", here)
    info = shipped.model_info()
    assert shipped.title() == "From a GPU" and info.held_out and info.data == INFO.data
    assert load_evaluation(shipped).warnings == ()


def test_a_run_that_cannot_be_measured_leaves_nothing(run, tmp_path):
    """The folder of the machine that trained is not here."""
    with pytest.raises(UserError):
        ship.ship(run, tmp_path / "out", "From a GPU", tmp_path / "data")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("change", ["other images", "another kind of source"])
def test_other_images_are_refused(run, here, tmp_path, change):
    if change == "other images":
        noise_image(7).save(tmp_path / "here" / "test" / "cat" / "new.png")
    with pytest.raises(SystemExit, match="are not those of this run"):
        ship.ship(run, tmp_path / "out", "", tmp_path / "data", here if change == "other images" else "digits")
    assert not list((tmp_path / "out").iterdir())

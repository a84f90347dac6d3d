"""The same image asked of two checkpoints in the Classify tab."""

from pathlib import Path

import gradio as gr
import pytest
from PIL import Image

from resnet_demo.data.images import load_image
from resnet_demo.inference.predictor import Predictor
from resnet_demo.text import percent
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.tabs.classify import NEWEST, ClassifyTab
from tests.support.checkpoints import make_run


@pytest.fixture
def tab(store, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    make_run(store, "run-1")
    make_run(store, "run-2", seed=1)
    with gr.Blocks(analytics_enabled=False):
        return ClassifyTab(Backend.over(store, tmp_path / "data"))


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "image.png"
    Image.radial_gradient("L").convert("RGB").save(path)
    return {"path": str(path)}


def test_each_checkpoint_says_what_it_says_alone(tab, store, image):
    page = tab.two.compare(image, "run-1", True, "run-2")
    for run in ("run-1", "run-2"):
        name, share = Predictor(store).classify(load_image(Path(image["path"])), run).ranked[0]
        assert f"<h3>{run}" in page and f"{name}</span>" in page and percent(share) in page


def test_nothing_is_compared_without_an_image_or_a_second_checkpoint(tab, image):
    assert tab.two.compare(None, NEWEST, True, "run-1") == tab.two.compare(image, NEWEST, True, "") == ""


@pytest.mark.parametrize("other", ["../run-1", ["run-1"], 7, "nothing"])
def test_a_foreign_checkpoint_is_one_sentence(tab, image, other):
    assert "There is no such run" in tab.two.compare(image, NEWEST, True, other)


def test_a_file_that_was_not_uploaded_is_refused(tab):
    assert "was not uploaded here" in tab.two.compare({"path": "/etc/passwd"}, NEWEST, True, "run-1")


def test_the_choice_offers_none_and_every_checkpoint(tab):
    assert [value for _, value in tab.two.other.choices] == ["", "run-2", "run-1"]
    assert tab.two.other.value == ""

"""Several images in the Classify tab: what the handler makes of what a page, or a raw request, sends."""

import json

import gradio as gr
import pytest
from PIL import Image

from resnet_demo.data.images import load_image
from resnet_demo.inference.predictor import Predictor
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.several_images import MOST
from resnet_demo.ui.tabs.classify import NEWEST, ClassifyTab
from tests.support.checkpoints import make_run


@pytest.fixture
def tab(store, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    with gr.Blocks(analytics_enabled=False):
        return ClassifyTab(Backend.over(store, tmp_path / "data"))


def upload(tmp_path, name: str, content: bytes | None = None) -> dict:
    """A file as the page's script sends it, already where Gradio keeps it."""
    path = tmp_path / "cache" / name
    if content is None:
        Image.radial_gradient("L").convert("RGB").resize((90, 60)).save(path)
    else:
        path.write_bytes(content)
    return {"name": name, "path": str(path)}


def asked(tab, files, chosen=NEWEST, given=None) -> str:
    sent = {"files": files, "given": given if given is not None else files and len(files)}
    return list(tab.several.answer(chosen, True, json.dumps(sent)))[-1]


def test_each_file_gets_the_answer_that_it_gets_alone(tab, store, tmp_path):
    make_run(store, "run-1")
    page = asked(tab, [upload(tmp_path, f"{n}.png") for n in range(3)])
    alone = Predictor(store).classify(load_image(tmp_path / "cache" / "0.png"))
    assert page.count("<tr>") == 4 and page.count(f'data-value="{alone.ranked[0][1]:.6f}"') == 3


def test_a_bad_file_is_a_row_with_its_sentence_and_the_others_are_answered(tab, store, tmp_path):
    make_run(store, "run-1")
    outside = tmp_path / "outside.png"
    Image.new("RGB", (9, 9)).save(outside)
    page = asked(
        tab,
        [
            upload(tmp_path, "broken.png", b"no image"),
            {"name": "large.png", "problem": "The file is larger than 25 MB."},
            {"name": "secret.png", "path": str(outside)},
            {"name": "gone.png", "path": str(tmp_path / "cache" / "gone.png")},
            {"path": ["x"]},
            "no file",
            upload(tmp_path, "good.png"),
        ],
    )
    assert page.count("several-refused") == 6 and page.count('data-key="probability"') == 1
    for said in ("not an image", "larger than 25 MB", "was not uploaded here", "There is no uploaded image"):
        assert said in page


def test_what_is_beyond_the_most_is_not_answered_and_that_is_said(tab, store, tmp_path):
    make_run(store, "run-1")
    one = upload(tmp_path, "one.png")
    page = asked(tab, [one] * (MOST + 5))
    assert page.count("<tr>") == MOST + 1 and f"You chose {MOST + 5}" in page


@pytest.mark.parametrize("files", [None, [], "x", 7, {"a": 1}])
def test_without_files_it_says_so(tab, store, files):
    make_run(store, "run-1")
    assert "No images came" in asked(tab, files, given=1)


@pytest.mark.parametrize("chosen", ["../run-1", None, 7, "nothing"])
def test_a_foreign_run_is_one_sentence(tab, store, tmp_path, chosen):
    make_run(store, "run-1")
    assert "There is no such run" in asked(tab, [upload(tmp_path, "one.png")], chosen)


def test_without_a_checkpoint_it_says_so(tab, tmp_path):
    assert "There is no trained checkpoint yet" in asked(tab, [upload(tmp_path, "one.png")])


def test_a_long_list_says_how_far_it_is(tab, store, tmp_path, monkeypatch):
    make_run(store, "run-1")
    monkeypatch.setattr("resnet_demo.ui.tabs.several_images.TELL_EVERY_S", 0.0)
    sent = {"files": [upload(tmp_path, "one.png")] * 3, "given": 3}
    *told, last = tab.several.answer(NEWEST, True, json.dumps(sent))
    assert [f"{n} of 3 images answered" in page for n, page in enumerate(told)] == [True] * 3 and "<table" in last

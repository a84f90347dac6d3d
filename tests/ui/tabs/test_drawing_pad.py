"""What a drawing may be: an image that was uploaded, and no other file of the server."""

from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from resnet_demo.ui.tabs.drawing_pad import DrawingPad
from tests.support.checkpoints import DIGITS, INFO


@pytest.fixture
def pad(tmp_path, monkeypatch):
    with gr.Blocks():
        pad = DrawingPad({"digits": DIGITS, "animals": INFO}.get)
        image = gr.Image()
        monkeypatch.setattr(image, "GRADIO_CACHE", str(tmp_path / "uploads"))
        pad.wire(gr.Dropdown(), image, [image.change])
    return pad


def sent(data: Any) -> Any:
    return SimpleNamespace(_data=data)


def test_it_is_there_where_digits_are_known(pad):
    assert "<canvas" in pad.show("digits")
    assert pad.show("animals") == pad.show("gone") == ""


def test_a_drawing_is_taken_and_nothing_else(pad, tmp_path):
    (tmp_path / "uploads").mkdir()
    drawn, foreign, broken = tmp_path / "uploads/drawing.png", tmp_path / "else.png", tmp_path / "uploads/broken.png"
    for path in (drawn, foreign):
        Image.new("L", (280, 280)).save(path)
    broken.write_bytes(drawn.read_bytes()[:40])
    assert pad.take(sent({"path": str(drawn)})) == str(drawn)
    assert pad.read(sent({"path": str(drawn)})).size == (256, 256)
    for data in ({"path": str(foreign)}, {"path": str(broken)}, {"path": 7}, {}, None, [str(drawn)]):
        for take in (pad.take, pad.read):
            with pytest.raises(gr.Error):
                take(sent(data))

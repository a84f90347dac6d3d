"""What is left of an image, drawn: squares as many as the map has places, and the frame where the field is."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from resnet_demo.data.examples import drawn_example
from resnet_demo.models.describe import describe
from resnet_demo.models.resnet import NetworkSpec
from resnet_demo.ui.html.receptive_field import fields_of, left_of_image_html


def drawn(html: str) -> list[np.ndarray]:
    """The images in it, (h, w, 3)."""
    files = (base64.b64decode(data) for data in re.findall(r"data:image/png;base64,([^\"]+)", html))
    return [np.asarray(Image.open(io.BytesIO(file))) for file in files]


@pytest.mark.parametrize(("stem", "places"), [("imagenet", [8, 8, 4, 2, 1]), ("cifar", [32, 32, 16, 8, 4])])
def test_each_part_is_as_fine_as_its_map(stem, places):
    image = drawn_example("ship")
    whole, *parts = drawn(left_of_image_html(describe(NetworkSpec("resnet50", stem), 32), image))
    assert whole.shape == (32, 32, 3) and [len(part) for part in parts] == places
    mean = np.asarray(image.resize((32, 32), Image.Resampling.BOX)).reshape(8, 4, 8, 4, 3).mean((1, 3))
    eighth = next(part for part in parts if len(part) == 8)
    assert np.abs(eighth - mean).max() <= 1.5  # each in the mean colour of its pixels


def test_the_frame_is_where_the_middle_place_sees():
    network = describe(NetworkSpec("resnet50"), 32)
    html = left_of_image_html(network, drawn_example("ship"))
    stem, *_, last = re.findall(r'<rect class="(left-sees[^"]*)" x="([-\d.]+)" y="[-\d.]+" width="([\d.]+)"', html)
    places, field = fields_of(network)[0]
    assert stem == ("left-sees", "11", "11") and (places, field.pixels, field.of_place(4)) == (8, 11, (11, 22))
    assert last[0] == "left-sees left-cut" and float(last[1]) < 0 and float(last[1]) + float(last[2]) > 32


def test_a_large_image_stays_small_on_its_way():
    html = left_of_image_html(describe(NetworkSpec("resnet18", "cifar"), 224), drawn_example("ship"))
    assert max(map(len, drawn(html))) <= 112 and len(html) < 300_000
    assert "224 × 224 positions" in html

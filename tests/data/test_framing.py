"""Which part of an image the network is shown: a wide uniform border is trimmed, nothing else is."""

import io

import numpy as np
import pytest
from PIL import Image

from resnet_demo.data.decoder import OneDecoder
from resnet_demo.data.framing import fit, trim

WHITE = (255, 255, 255)


@pytest.fixture
def scene() -> Image.Image:
    """200 x 200, nowhere near white or grey at its edges."""
    pixels = np.random.RandomState(0).randint(0, 90, (25, 25, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((200, 200), Image.Resampling.BICUBIC)


def on_ground(scene: Image.Image, size: tuple[int, int], place: tuple[int, int], colour=WHITE) -> Image.Image:
    ground = Image.new("RGB", size, colour)
    ground.paste(scene, place)
    return ground


def difference(first: Image.Image, second: Image.Image) -> float:
    return np.abs(np.asarray(fit(first)).astype(int) - np.asarray(fit(second))).mean()


@pytest.mark.parametrize(
    ("size", "place"),
    [((400, 400), (100, 100)), ((900, 300), (20, 40)), ((300, 1200), (50, 900))],
    ids=["centred", "left of a wide one", "below in a tall one"],
)
@pytest.mark.parametrize("colour", [WHITE, (128, 128, 128), (200, 230, 120)])
def test_what_stands_on_a_uniform_ground_fills_the_frame(scene, size, place, colour):
    product = on_ground(scene, size, place, colour)
    assert difference(trim(product), scene) < 5 < difference(product, scene)


def test_the_noise_of_a_jpeg_is_no_content(scene):
    file = io.BytesIO()
    on_ground(scene, (500, 500), (150, 150)).save(file, "JPEG", quality=60)
    trimmed = trim(Image.open(file).convert("RGB"))
    assert max(trimmed.size) <= 216 and difference(trimmed, scene) < 6


def test_all_of_a_long_thing_is_shown(scene):
    """Its square reaches out of the image, and is filled with the border's colour."""
    trimmed = trim(on_ground(scene.resize((300, 60)), (900, 320), (550, 100), (250, 250, 250)))
    assert trimmed.size[0] == trimmed.size[1] and 300 <= trimmed.size[0] <= 306
    pixels = np.asarray(trimmed)
    assert (pixels[0] == 250).all() and (pixels[-1] == 250).all() and pixels[150, 5:-5].max() < 110


def test_what_has_no_wide_uniform_border_is_left_alone(scene):
    noise = Image.fromarray(np.random.RandomState(1).randint(0, 256, (300, 400, 3), dtype=np.uint8))
    ramp = Image.linear_gradient("L").convert("RGB")
    narrow = on_ground(scene, (208, 208), (4, 4))
    for image in (noise, ramp, narrow, scene, Image.new("RGB", (300, 200), WHITE), Image.new("RGB", (1, 3000))):
        assert trim(image) is image


def test_an_image_made_for_the_network_is_left_alone(scene):
    small = on_ground(scene.resize((16, 16)), (32, 32), (8, 8))
    assert trim(small) is small


def test_the_decoder_trims_where_it_is_asked_to(scene, tmp_path):
    path, one = tmp_path / "product.png", OneDecoder()
    product = on_ground(scene, (600, 400), (40, 100))
    product.save(path)
    try:
        whole, trimmed = one.load(path), one.load(path, trim=True)
    finally:
        one.close()
    assert (whole.image, whole.trimmed) == (fit(product), False)
    assert (trimmed.image, trimmed.trimmed) == (fit(trim(product)), True)

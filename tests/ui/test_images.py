"""An image that a request brings is taken from the uploads alone; one that the page shows names no path."""

import base64
import io

import pytest
from PIL import Image

from resnet_demo.data.framing import fit
from resnet_demo.data.headers import ImageError
from resnet_demo.ui.images import data_url, uploaded_image


@pytest.fixture
def image():
    return Image.linear_gradient("L").convert("RGB").resize((40, 20))


@pytest.fixture
def cache(tmp_path, image):
    folder = tmp_path / "cache"
    folder.mkdir()
    image.save(folder / "upload.png")
    image.save(tmp_path / "outside.png")
    return folder


def test_an_upload_is_decoded(cache, image):
    assert uploaded_image({"path": str(cache / "upload.png")}, str(cache)).image == fit(image)


@pytest.mark.parametrize("path", ["outside.png", "cache/../outside.png", "cache/link.png"])
def test_what_lies_elsewhere_is_refused(cache, tmp_path, path):
    (cache / "link.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(ImageError, match="was not uploaded here"):
        uploaded_image({"path": str(tmp_path / path)}, str(cache))


@pytest.mark.parametrize(
    "upload", [None, 7, "/etc/passwd", {}, {"path": None}, {"path": ["a"]}, {"path": "a\0b"}], ids=str
)
def test_what_names_no_file_is_no_upload(cache, upload):
    with pytest.raises(ImageError, match="no uploaded image"):
        uploaded_image(upload, str(cache))


def test_a_shown_image_travels_inside_the_page(image):
    kind, _, content = data_url(image).partition(",")
    assert kind == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).tobytes() == image.tobytes()

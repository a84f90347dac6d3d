"""A picture that a request brings is taken from the uploads alone; one that the page shows names no path."""

import base64
import io

import pytest
from PIL import Image

from resnet_demo.data.framing import fit
from resnet_demo.data.headers import PictureError
from resnet_demo.ui.pictures import data_url, uploaded_picture


@pytest.fixture
def picture():
    return Image.linear_gradient("L").convert("RGB").resize((40, 20))


@pytest.fixture
def cache(tmp_path, picture):
    folder = tmp_path / "cache"
    folder.mkdir()
    picture.save(folder / "upload.png")
    picture.save(tmp_path / "outside.png")
    return folder


def test_an_upload_is_decoded(cache, picture):
    assert uploaded_picture({"path": str(cache / "upload.png")}, str(cache)).image == fit(picture)


@pytest.mark.parametrize("path", ["outside.png", "cache/../outside.png", "cache/link.png"])
def test_what_lies_elsewhere_is_refused(cache, tmp_path, path):
    (cache / "link.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(PictureError, match="was not uploaded here"):
        uploaded_picture({"path": str(tmp_path / path)}, str(cache))


@pytest.mark.parametrize(
    "upload", [None, 7, "/etc/passwd", {}, {"path": None}, {"path": ["a"]}, {"path": "a\0b"}], ids=str
)
def test_what_names_no_file_is_no_upload(cache, upload):
    with pytest.raises(PictureError, match="no uploaded picture"):
        uploaded_picture(upload, str(cache))


def test_a_shown_picture_travels_inside_the_page(picture):
    kind, _, content = data_url(picture).partition(",")
    assert kind == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(content))).tobytes() == picture.tobytes()

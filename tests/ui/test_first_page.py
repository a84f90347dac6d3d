import re
from html import unescape

import httpx
import pytest
from PIL import Image

from resnet_demo.ui.first_page import FirstPage


def previews(html):
    return {name: unescape(value) for name, value in re.findall(r'<meta property="([^"]+)" content="([^"]*)"', html)}


def test_a_shared_link_shows_this_project_and_no_other(serve):
    with serve() as (url, _):
        html = httpx.get(url).text
        said = previews(html)
        assert said["og:title"] == "ResNet-50, opened"
        assert said["og:description"].startswith("Train a residual network")
        assert html.count("og:title") == html.count('og:image"') == html.count("twitter:card") == 1
        assert 'gradio.app/"' not in html and "header-image" not in html
        image = httpx.get(said["og:image"])
        assert image.headers["content-type"] == "image/jpeg"
        assert len(image.content) < 300_000
        assert html.index("<meta charset") < 1024  # browsers look no further


def test_the_document_says_which_language_it_is_in(serve):
    with serve() as (url, _):
        for asked, written in (("zh-CN,en;q=0.5", "zh-CN"), ("de,en;q=0.5", "en")):
            html = httpx.get(url, headers={"accept-language": asked}).text
            assert re.search(r'<html\s+lang="([^"]+)"', html)[1] == written
            assert f'class=\\"page-head\\" lang=\\"{written}\\"' in html


@pytest.mark.parametrize(
    ("space_host", "headers", "root"),
    [
        ("", {"host": "127.0.0.1:7860"}, "http://127.0.0.1:7860"),
        ("", {"host": "inside:80", "x-forwarded-host": "a.org", "x-forwarded-proto": "https,http"}, "https://a.org"),
        ("someone-resnet.hf.space", {"host": "10.0.0.1"}, "https://someone-resnet.hf.space"),
    ],
)
def test_the_images_address_is_the_one_that_people_reach(space_host, headers, root):
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "scheme": "http", "headers": raw, "root_path": ""}
    assert FirstPage(None, space_host)._root(scope) == root


def test_the_image_has_the_size_that_previews_want():
    from resnet_demo.ui.first_page import PREVIEW_IMAGE

    with Image.open(PREVIEW_IMAGE) as image:
        assert image.size == (1200, 630)

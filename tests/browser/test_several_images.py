"""Several images at once in Classify, as a person drops and chooses them."""

import base64
import csv
import io
from pathlib import Path

import pytest
from PIL import Image

from resnet_demo.runs.store import RunStore
from tests.support.checkpoints import make_run

DROP = """async ([selector, files]) => {
    const carried = new DataTransfer();
    for (const [name, content] of files) {
        const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
        carried.items.add(new File([bytes], name));
    }
    const target = document.querySelector(selector);
    target.dispatchEvent(new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: carried}));
}"""


@pytest.fixture
def images(tmp_path) -> list[Path]:
    """Three of different brightness, and one that is none."""
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png", "broken.png")]
    for level, path in enumerate(paths[:3]):
        Image.radial_gradient("L").point(lambda grey, level=level: grey * (level + 1) // 3).convert("RGB").save(path)
    paths[3].write_bytes(b"no image")
    return paths


@pytest.fixture
def classify(app, open_page):
    make_run(RunStore(app.runs), "run-1")
    with app.running():
        page = open_page(app.url)
        page.get_by_role("tab", name="Classify").click()
        page.wait_for_selector("#classify-several summary")
        yield page


def names(page) -> list[str]:
    return page.locator(".several-found .several-name").all_text_contents()


def test_several_files_dropped_on_the_place_for_one_are_all_answered(classify, images):
    files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in images]
    classify.evaluate(DROP, ["#classify-image", files])
    classify.wait_for_selector(".several-table")
    assert names(classify) == ["a.png", "b.png", "c.png", "broken.png"]
    assert "not an image" in classify.text_content(".several-refused")


def test_what_the_server_refuses_is_a_sentence_in_its_row(classify, images):
    refusal = {"status": 507, "json": {"detail": "Too much is being uploaded or made just now."}}
    classify.route("**/gradio_api/upload*", lambda route: route.fulfill(**refusal))
    classify.click("#classify-several summary")
    classify.set_input_files("#classify-several input[multiple]", images[:1])
    classify.wait_for_selector(".several-refused")
    assert classify.text_content(".several-refused td:last-child") == f"✕ {refusal['json']['detail']}"
    assert not classify.query_selector(".toast-body")


@pytest.mark.parametrize(
    "answer",
    [
        lambda route: route.abort(),
        lambda route: route.fulfill(status=502, content_type="text/html", body="<h1>Bad Gateway</h1>"),
        lambda route: route.fulfill(status=422, json={"detail": [{"msg": "no"}]}),
    ],
    ids=["no connection", "another server's page", "a list"],
)
def test_what_was_not_sent_is_said_in_the_pages_words(classify, images, answer):
    classify.route("**/gradio_api/upload*", answer)
    classify.click("#classify-several summary")
    classify.set_input_files("#classify-several input[multiple]", images[:1])
    said = classify.wait_for_selector(".several-refused td:last-child").text_content()
    assert said == "✕ The image could not be sent. Check the connection and try again."


def test_the_answers_are_sorted_seen_as_a_gallery_and_saved(classify, images):
    classify.click("#classify-several summary")
    classify.set_input_files("#classify-several input[multiple]", images)
    classify.wait_for_selector(".several-table")
    for _ in range(2):
        classify.click("[data-sort=file]")
    assert names(classify) == ["c.png", "broken.png", "b.png", "a.png"]
    classify.click("[data-sort=probability]")
    shares = [float(one) for one in classify.eval_on_selector_all(
        ".several-found [data-key=probability]", "cells => cells.map((cell) => cell.dataset.value)"
    )]  # fmt: skip
    assert shares == sorted(shares) and names(classify)[-1] == "broken.png"  # without an answer, at the end
    classify.click("[data-view=gallery]")
    tops = classify.eval_on_selector_all(
        ".several-found tbody tr", "rows => rows.map((row) => row.getBoundingClientRect().top)"
    )
    assert len(set(tops)) == 1  # side by side
    with classify.expect_download() as waiting:
        classify.click("text=Save as CSV")
    assert waiting.value.suggested_filename == "answers-run-1-4-images.csv"
    lines = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text(encoding="utf-8"))))
    assert [line["file"] for line in lines] == [path.name for path in images]

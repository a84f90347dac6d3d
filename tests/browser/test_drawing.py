"""A digit that is drawn in Classify, or an image that is pasted, is answered as one that is dropped."""

import pytest

from tests.browser.conftest import called, names_of_calls, wait_for

PASTE = """async () => {
    const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 64});
    canvas.getContext('2d').fillRect(0, 0, 64, 64);
    const blob = await new Promise((done) => canvas.toBlob(done));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([blob], 'pasted.png', {type: 'image/png'}));
    document.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true}));
}"""


@pytest.fixture
def page(shipped_app, open_page):
    """Classify with a checkpoint that knows digits, and the pad in view."""
    page = open_page(shipped_app.url)
    page.get_by_role("tab", name="Classify").click()
    page.wait_for_selector("#classify-examples [data-example]")
    assert page.query_selector("#drawing-pad canvas") is None  # the newest knows airplanes and cats
    page.click(".classify-who-answers input")
    page.get_by_role("option", name="ResNet-20 on digits").click()
    page.wait_for_selector("#drawing-pad canvas").scroll_into_view_if_needed()
    return page


def draw_a_one(page):
    box = page.locator("#drawing-pad canvas").bounding_box()
    x, top, height = box["x"] + box["width"] / 2, box["y"] + 0.1 * box["height"], 0.8 * box["height"]
    page.mouse.move(x, top)
    page.mouse.down()
    page.mouse.move(x, top + height, steps=8)
    page.mouse.up()


def test_what_is_chosen_while_a_drawing_is_uploaded_stays(page):
    names, late, taken = names_of_calls(page), [], []
    page.route("**/gradio_api/upload*", lambda route: late.append(route))
    page.on("request", lambda request: taken.append(called(request, names)))
    draw_a_one(page)
    wait_for(lambda: page.wait_for_timeout(50) or late, "the upload")
    page.click("[data-example=digit-7]")
    page.wait_for_selector("#classify-answer .classify-answered")
    late[0].continue_()
    late[0].request.response().finished()
    page.wait_for_timeout(1000)
    assert "choose_example" in taken and "take_drawing" not in taken


def test_a_digit_is_drawn_and_answered(page):
    draw_a_one(page)
    page.wait_for_selector("#classify-answer .classify-answered")
    assert page.inner_text("#classify-answer .classify-first strong") == "1"
    page.click("#drawing-pad [data-clear]")
    assert page.query_selector("#drawing-pad canvas[data-drawn]") is None
    page.click("#drawing-pad canvas")
    page.wait_for_selector("#drawing-pad canvas[data-drawn]")
    page.click("#classify-examples [data-example]")  # then no drawing is answered any more
    page.wait_for_selector("#drawing-pad canvas[data-drawn]", state="detached")


def test_a_pasted_image_is_answered_in_classify_and_nowhere_else(shipped_app, open_page):
    page = open_page(shipped_app.url)
    page.wait_for_selector("#plan:has-text('Trains on')")
    uploads = []
    page.on("request", lambda request: uploads.append(request.url) if "/upload" in request.url else None)
    page.evaluate(PASTE)
    page.wait_for_timeout(1000)
    assert uploads == []
    page.get_by_role("tab", name="Classify").click()
    page.wait_for_selector("#classify-image", state="visible")
    page.evaluate(PASTE)
    page.wait_for_selector("#classify-answer .classify-answered")
    assert len(uploads) == 1

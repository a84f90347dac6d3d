"""A digit that is drawn in Classify, or an image that is pasted, is answered as one that is dropped."""

PASTE = """async () => {
    const canvas = Object.assign(document.createElement('canvas'), {width: 64, height: 64});
    canvas.getContext('2d').fillRect(0, 0, 64, 64);
    const blob = await new Promise((done) => canvas.toBlob(done));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([blob], 'pasted.png', {type: 'image/png'}));
    document.dispatchEvent(new ClipboardEvent('paste', {clipboardData, bubbles: true}));
}"""


def test_a_digit_is_drawn_and_answered(shipped_app, open_page):
    page = open_page(shipped_app.url)
    page.get_by_role("tab", name="Classify").click()
    page.wait_for_selector("#classify-examples [data-example]")
    assert page.query_selector("#drawing-pad canvas") is None  # the newest knows airplanes and cats
    page.click(".classify-who-answers input")
    page.get_by_role("option", name="ResNet-20 on digits").click()
    pad = page.wait_for_selector("#drawing-pad canvas")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    x, top, height = box["x"] + box["width"] / 2, box["y"] + 0.1 * box["height"], 0.8 * box["height"]
    page.mouse.move(x, top)
    page.mouse.down()
    page.mouse.move(x, top + height, steps=8)
    page.mouse.up()
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

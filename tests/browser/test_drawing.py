"""A digit that is drawn in Classify is answered as an image that is dropped."""


def test_a_digit_is_drawn_and_answered(app, open_page):
    with app.running(shipped=True):
        page = open_page(app.url)
        page.get_by_role("tab", name="Classify").click()
        page.wait_for_selector("#classify-examples [data-example]")
        assert page.query_selector("#drawing-pad canvas") is None  # the newest knows airplanes and cats
        page.click(".classify-who-answers input")
        page.get_by_role("option", name="The tour").click()
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

"""Why an image is taken for a class, where the answer comes late."""


def test_maps_that_come_late_are_not_shown_under_another_image(shipped_app, open_page):
    page = open_page(shipped_app.url)
    page.get_by_role("tab", name="Classify").click()
    page.click("[data-example=drawn-ship]")
    page.wait_for_selector("#classify-answer [data-why=ship]")
    # At once: while the maps of the ship are being made.
    page.evaluate(
        "document.querySelector('[data-why=ship]').click(); document.querySelector('[data-example$=frog]').click()"
    )
    page.wait_for_selector("#classify-answer >> text=frog with")
    page.wait_for_timeout(5000)
    assert page.inner_text("#classify-why").strip() == ""
    page.click("#classify-answer [data-why=frog]")
    page.wait_for_selector("[data-why=frog][aria-busy=true]")  # from the press to its answer
    page.wait_for_selector("#classify-why >> text=What speaks for frog")
    page.wait_for_selector("[aria-busy]", state="detached")

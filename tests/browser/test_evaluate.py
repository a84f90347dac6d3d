"""A checkpoint's evaluation, read by keyboard."""

WHERE = "document.activeElement.dataset.cell ?? document.activeElement.className"


def test_the_matrix_is_one_stop_and_arrow_keys_lead_through_it(shipped_app, open_page):
    page = open_page(f"{shipped_app.url}?tab=evaluate")
    page.wait_for_selector(".evaluate-confusion")
    assert page.locator(".evaluate-confusion [data-cell]").count() > 50
    assert page.locator(".evaluate-confusion [data-cell]:not([tabindex='-1'])").count() == 0
    page.focus(".evaluate-scroll")
    visited = []
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowLeft"):
        page.keyboard.press(key)
        visited.append(page.evaluate(WHERE))
    assert visited == ["0,0", "1,0", "1,1", "0,1", "0,0", "0,0"]

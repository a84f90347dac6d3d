"""A checkpoint is evaluated, its mistakes are looked at, and the report is read by keyboard."""

from tests.support.checkpoints import DIGITS, make_run

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


def test_it_is_pressed_and_its_mistakes_are_those_of_the_report(app, open_page):
    make_run(app.store, "20261124-101500-resnet18-digits", DIGITS)
    with app.running():
        page = open_page(f"{app.url}?tab=evaluate")
        page.click("#evaluate-start:not([disabled])")
        page.wait_for_selector(".evaluate-headline:has-text('of 297 test images')")
        page.wait_for_selector("#evaluate-start:not([disabled])")
        page.click("#evaluate-mistakes")
        page.wait_for_selector("#evaluate-gallery figure")
        page.click("#evaluate-start")  # a new report has mistakes of its own
        page.wait_for_selector("#evaluate-gallery figure", state="detached")
        page.wait_for_selector("#evaluate-start:not([disabled])")

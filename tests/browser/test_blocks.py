"""Blocks are switched off one after the other, faster than the row is drawn."""

from tests.browser.conftest import hold_back, wait_for

OFF = "[...document.querySelectorAll('#blocks-row [aria-pressed=true]')].map((one) => one.dataset.block)"


def test_no_press_is_lost_while_an_answer_is_on_its_way(shipped_app, open_page):
    page = open_page(f"{shipped_app.url}?tab=architecture")
    page.wait_for_selector("#blocks-row [data-block]")
    held = hold_back(page, "blocks")
    first, second, third = page.evaluate(
        "[...document.querySelectorAll('#blocks-row [data-block]')].slice(0, 3).map((one) => one.dataset.block)"
    )
    page.click(f"[data-block='{first}'].blocks-block")
    page.click(f"[data-block='{second}'].blocks-block")
    wait_for(lambda: page.wait_for_timeout(50) or held, "the first call")
    held[0].continue_()
    wait_for(lambda: page.wait_for_timeout(50) or len(held) == 2, "the second call, after the first row")
    page.wait_for_function(f"{OFF}.length === 1")
    page.click(f"[data-block='{third}'].blocks-block")
    held[1].continue_()
    wait_for(lambda: page.wait_for_timeout(50) or len(held) == 3, "the third call")
    held[2].continue_()
    page.wait_for_function(f"{OFF}.length === 3")

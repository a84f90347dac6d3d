"""A word is explained where it stands: by pointer, touch and keyboard, also when its part is drawn anew."""

from pathlib import Path

import pytest

import resnet_demo.ui

SCRIPT = (Path(resnet_demo.ui.__file__).parent / "terms.js").read_text(encoding="utf-8")
WORD = '<span class="term" role="button" tabindex="0" data-term="loss">Loss</span>'
SHOWN, GONE = (f"{no}document.querySelector('#term-box').matches(':popover-open')" for no in ("", "!"))


@pytest.fixture
def page(chromium):
    context = chromium.new_context(has_touch=True)
    page = context.new_page()
    page.set_content(f'<div class="block" id="part">{WORD}</div><p>Away</p><button>Next</button>')
    page.evaluate(f"() => {{ {SCRIPT} }}")
    yield page
    context.close()


def test_by_pointer_and_touch(page):
    page.hover(".term")
    page.wait_for_function(SHOWN)
    assert "How wrong" in page.inner_text("#term-box")
    assert page.get_attribute(".term", "aria-describedby") == "term-box"
    page.hover("#term-box")  # it can be read without going away
    page.wait_for_timeout(500)
    assert page.evaluate(SHOWN)
    page.hover("button")
    page.wait_for_function(GONE)
    page.tap(".term")
    page.wait_for_function(SHOWN)
    page.tap("button")
    page.wait_for_function(GONE)


def test_a_box_that_is_taken_away_with_what_was_drawn_anew_comes_back(page):
    for begin in (lambda: page.hover(".term"), lambda: page.focus(".term")):
        begin()
        page.wait_for_function(SHOWN)
        page.evaluate("document.querySelector('#term-box').remove()")  # as Gradio does in full size
        page.wait_for_function(f"document.querySelector('#term-box') && {SHOWN}")
    page.keyboard.press("Escape")
    page.wait_for_function(GONE)


def test_by_keyboard_and_through_a_part_that_is_drawn_anew(page):
    page.keyboard.press("Tab")
    page.wait_for_function(SHOWN)
    page.evaluate("(word) => { document.querySelector('#part').innerHTML = word; }", WORD)
    page.wait_for_function(SHOWN)
    assert page.evaluate("document.activeElement.dataset.term") == "loss"  # who stood on it stands there still
    page.keyboard.press("Escape")
    page.wait_for_function(GONE)
    page.keyboard.press("Enter")
    page.wait_for_function(SHOWN)
    page.keyboard.press("Tab")
    page.wait_for_function(GONE)
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"

"""Who asks for one frame after the other gets them rarely after a while: Gradio's loading indicator asks for ever."""

from pathlib import Path

import pytest

import resnet_demo.ui
from tests.browser.conftest import LONG, wait_for

SCRIPT = (Path(resnet_demo.ui.__file__).parent / "frames.js").read_text(encoding="utf-8")
COUNT = """
window.granted = 0;
const ask = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (callback) => ask((time) => { window.granted += 1; callback(time); });
"""
CHAIN = """
() => {
  window.drawn = 0;
  const draw = () => { window.drawn += 1; window.own = requestAnimationFrame(draw); };
  draw();
}
"""
GRANTED_PER_SECOND = """
async () => {
  const before = window.granted, start = performance.now();
  await new Promise((done) => setTimeout(done, 1500));  // longer on a busy machine
  return 1000 * (window.granted - before) / (performance.now() - start);
}
"""


@pytest.fixture
def page(chromium):
    page = chromium.new_page()
    page.set_default_timeout(1000 * LONG)  # 300 frames take five seconds, and a minute where much else is drawn
    page.set_content("<p>A page</p>")
    page.evaluate(f"() => {{ {COUNT} {SCRIPT} }}")
    yield page
    page.close()


def test_an_endless_animation_slows_down_and_others_do_not(page):
    page.evaluate(CHAIN)
    page.wait_for_function("window.drawn > 302")
    assert page.evaluate(GRANTED_PER_SECOND) < 6
    granted = page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")  # with the frame's time
    assert granted > 0
    page.evaluate("() => { window.first = window.drawn; }")
    page.wait_for_function("window.drawn > window.first")  # it goes on


def test_frames_can_be_taken_back_in_either_pace(page):
    page.evaluate(
        "() => { window.called = 0; cancelAnimationFrame(requestAnimationFrame(() => { window.called = 1; })); }"
    )
    page.evaluate(CHAIN)
    page.wait_for_function("window.drawn > 302")
    page.evaluate("() => { cancelAnimationFrame(window.own); window.last = window.drawn; }")
    page.wait_for_timeout(700)  # two rests
    assert page.evaluate("[window.called, window.drawn - window.last]") == [0, 0]


def test_gradios_page_comes_to_rest(chromium, empty_app):
    """Fails if Gradio's scripts no longer find the slower function, and can be dropped with the script when Gradio's
    own page rests."""
    page = chromium.new_page()
    page.add_init_script(COUNT)
    page.emulate_media(reduced_motion="reduce")
    page.goto(empty_app.url)
    page.wait_for_selector("#tour")
    wait_for(lambda: page.evaluate(GRANTED_PER_SECOND) < 6, "the page to rest")
    page.close()

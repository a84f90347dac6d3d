"""On a phone no text stands out of the screen."""

from pathlib import Path

import resnet_demo.ui

STYLE = (Path(resnet_demo.ui.__file__).parent / "page.css").read_text(encoding="utf-8")
TITLE = "a_title_without_a_space_" * 4
PAGE = f"""<style>{STYLE}</style>
<div class="run-head"><span class="run-status">● training</span><span class="run-title">{TITLE}</span></div>
<div id="runs-question">Delete {TITLE}?</div>"""


def test_a_long_title_of_a_run_is_broken(chromium):
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    page.set_content(PAGE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()

"""What who comes first sees: a recorded training that plays, and goes when one's own begins."""

from pathlib import Path

import pytest

import resnet_demo.ui
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Watcher
from resnet_demo.ui.html.replay import recording_of, replay_html
from tests.support.recordings import make_recording

SCRIPT = (Path(resnet_demo.ui.__file__).parent / "replay.js").read_text(encoding="utf-8")
BEGIN = "const element = document.body; const watch = (_, then) => { window.changed = then; };"
STATE = """() => ({
    curve: document.querySelector('.plot').width.baseVal.value,
    shown: [...document.querySelectorAll('[data-shows]')].map((tile) => tile.innerText.replace(/\\s+/g, ' ').trim()),
    right: document.querySelector('[data-right]').innerText,
    share: Number(document.querySelector('.replay-pinned li i').style.getPropertyValue('--share')),
    button: document.querySelector('[data-play]').innerText,
})"""


@pytest.fixture
def html(tmp_path):
    make_recording(tmp_path / "shipped", "gift")
    return replay_html(recording_of(Watcher(RunStore(tmp_path / "runs", tmp_path / "shipped")).snapshot()))


@pytest.fixture
def playing(chromium, html):
    """`playing(seconds, motion)`: the recording alone in a page, played in so many seconds."""
    contexts = []

    def opened(seconds: float, motion: str = "no-preference"):
        contexts.append(chromium.new_context(reduced_motion=motion))
        page = contexts[-1].new_page()
        page.set_content(html.replace('"seconds":20', f'"seconds":{seconds}'))
        page.end = page.evaluate(STATE)
        page.evaluate(f"() => {{ {BEGIN} {SCRIPT} }}")
        return page

    yield opened
    for context in contexts:
        context.close()


def test_it_begins_at_the_beginning_and_comes_to_the_end(playing):
    slow = playing(60)  # whose first moment lasts
    slow.wait_for_function("document.querySelector('[data-right]').innerText === '0'")
    begun, page = slow.evaluate(STATE), playing(3)
    assert begun["shown"][0] == "–" and begun["curve"] < page.end["curve"] and begun["button"] == "Pause"
    page.wait_for_function("document.querySelector('[data-right]').innerText === '10'")
    page.wait_for_function("document.querySelector('[data-epoch]').innerText === '4'")
    page.wait_for_function("document.querySelector('.replay-pinned li i').style.getPropertyValue('--share') === '1'")
    ended = page.evaluate(STATE)
    assert ended["shown"] == page.end["shown"] and ended["curve"] == page.end["curve"]
    page.wait_for_function("document.querySelector('[data-right]').innerText === '0'")  # and begins again


def test_that_it_starts_anew_is_seen_each_time_and_spoken_once(playing):
    page = playing(1)
    for _ in range(2):
        page.wait_for_function("document.querySelector('[data-anew]').innerText === 'At its end. It starts anew.'")
        spoken = page.get_attribute("[data-anew]", "aria-live")
        page.wait_for_function("document.querySelector('[data-anew]').innerText === ''")
    assert spoken == "off" and page.get_attribute("[data-anew]", "role") == "status"


def test_a_press_stops_it_and_another_lets_it_go_on(playing):
    page = playing(60)
    page.wait_for_function(f"({STATE})().curve > 2")
    page.click("[data-play]")
    stopped = page.evaluate(STATE)
    page.wait_for_timeout(1000)
    assert page.evaluate(STATE) == stopped and stopped["button"] == "Play"
    page.click("[data-play]")
    page.wait_for_function(f"({STATE})().curve > {stopped['curve']}")


def test_who_wants_no_motion_sees_the_end(playing):
    page = playing(3, "reduce")
    page.wait_for_timeout(1000)
    assert page.evaluate(STATE) == page.end and page.end["button"] == "Play"


def test_one_that_is_gone_asks_nothing_of_the_page(playing):
    page = playing(3)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.evaluate("() => { document.body.innerHTML = ''; window.changed(); }")
    page.wait_for_timeout(500)
    assert errors == []


def test_it_is_painted_at_first_and_goes_with_ones_own_start(app, open_page):
    with app.running(shipped=True):
        page = open_page(app.url)
        page.wait_for_selector(".replay .curve")
        assert not page.is_visible("#status .run-card") and not page.is_visible("#stop")
        page.click("[data-tab=classify]")
        page.wait_for_selector("#classify-image", state="visible")
        page.click("[data-tab=train]")
        page.click("#tour")
        page.wait_for_selector("#status .run-card[data-run]", state="visible")
        page.wait_for_selector(".replay", state="detached")
        again = open_page(app.url)
        assert again.query_selector(".replay") is None  # not even at first


def test_a_run_that_came_along_can_be_looked_at_in_place_of_the_recording(shipped_app, open_page):
    page = open_page(shipped_app.url)
    page.wait_for_selector(".replay .curve")
    page.click("#run-shown input")
    page.get_by_role("option", name="ResNet-20 on CIFAR-10").click()
    page.wait_for_selector("#status .run-card[data-run]", state="visible")
    page.wait_for_selector(".replay", state="detached")
    page.click("#run-shown input")
    page.get_by_role("option", name="a recording").click()
    page.wait_for_selector(".replay .curve")

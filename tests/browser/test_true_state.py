"""Whatever happens to a page or to the app under it: within two heartbeats it shows what is true, with no click.

A heartbeat (`news` in ui/app.py) comes at the load and then every two seconds; what is counted is those that the app
has answered, so that a slow machine makes a test longer and not wrong."""

from dataclasses import replace

import psutil
import pytest

from resnet_demo.training.config import preset_config
from resnet_demo.training.launcher import Launcher
from tests.browser.conftest import LONG, wait_for

HEARTBEATS = 2
POINTS = "document.querySelector('#loss-chart polyline.train')?.getAttribute('points').split(' ').length ?? 0"
NEWS = "window.gradio_config.dependencies.find(one => one.api_name === 'news').id"
HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', {get: () => hidden, configurable: true});
    Object.defineProperty(document, 'visibilityState', {get: () => hidden ? 'hidden' : 'visible', configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}"""


class Heart:
    """Counts the heartbeats that the app has answered to a page."""

    def __init__(self, page) -> None:
        self.page, self.beats = page, 0
        self._news = page.evaluate(NEWS)
        page.on("response", self._see)

    def _see(self, response) -> None:
        asked = response.request.post_data or ""
        self.beats += response.ok and f'"fn_index":{self._news},' in asked.replace(" ", "")


def within_two_beats(hearts: list[Heart], is_shown, what: str) -> None:
    """From now on: what is true is on each page before its third answered heartbeat. `is_shown(page)`."""
    for heart in hearts:
        heart.beats = 0
    waiting = list(hearts)

    def nobody_waits() -> bool:
        for heart in list(waiting):
            if _is_so(heart.page, is_shown):
                assert heart.beats <= HEARTBEATS, f"{what} took {heart.beats} heartbeats"
                waiting.remove(heart)
        return not waiting

    wait_for(nobody_waits, what)


def _is_so(page, is_shown) -> bool:
    from playwright.sync_api import Error

    try:
        page.wait_for_timeout(20)  # lets Playwright hand over the responses
        return is_shown(page)
    except Error:  # the page goes away under the question: Gradio reloads it once the app is back
        return False


@pytest.fixture
def training(app):
    """A run of an hour, started by nobody's page; ended with the test."""
    config = replace(preset_config("tour"), arch="resnet18", epochs=1000, batch_size=16, train_images=320)
    launcher = Launcher(app.store, app.data)
    run = launcher.start(config)
    wait_for(lambda: len(run.view().metrics) > 2, "the first points")
    return run, launcher


def status(page) -> str | None:
    card = page.query_selector("#status [data-status]")
    return card and card.get_attribute("data-status")


def shows(word: str, points: int = 0):
    """A condition on a page: the run's status is this word, and so many points of the curve are drawn."""
    return lambda page: status(page) == word and page.evaluate(POINTS) >= min(points, 600)


def test_a_reload_in_mid_run(app, training, open_page):
    run, _ = training
    with app.running("--keep-training"):
        page = open_page(app.url)
        heart = Heart(page)
        for _ in range(3):
            known = len(run.view().metrics)
            page.reload()
            within_two_beats([heart], shows("training", known), "the run and its curve")


def test_seven_tabs_at_once(app, training, open_page):
    run, launcher = training
    with app.running("--keep-training"):
        first = open_page(app.url)
        pages = [first, *(open_page(app.url, beside=first) for _ in range(6))]
        hearts = [Heart(page) for page in pages]
        within_two_beats(hearts, shows("training", len(run.view().metrics)), "the run and its curve in each tab")
        launcher.pause()
        assert launcher.wait_until_idle(LONG)
        within_two_beats(hearts, shows("paused"), "the pause in each tab")


def test_a_hidden_tab_that_is_brought_back(app, training, open_page):
    run, launcher = training
    with app.running("--keep-training"):
        page = open_page(app.url)
        heart = Heart(page)
        wait_for(lambda: shows("training", 1)(page), "the run")
        page.evaluate(HIDE, True)
        known = len(run.view().metrics)
        wait_for(lambda: page.wait_for_timeout(500) or len(run.view().metrics) > known + 5, "more points meanwhile")
        launcher.pause()
        assert launcher.wait_until_idle(LONG)
        page.evaluate(HIDE, False)
        within_two_beats([heart], shows("paused", len(run.view().metrics)), "the pause and every point")


def test_the_app_killed_and_restarted_under_an_open_page(app, training, open_page):
    run, _ = training
    with app.running("--keep-training") as process:
        page = open_page(app.url)
        heart = Heart(page)
        wait_for(lambda: shows("training", 1)(page), "the run")
        process.kill()
        process.wait()
        known = len(run.view().metrics)
        wait_for(lambda: page.wait_for_timeout(500) or len(run.view().metrics) > known + 5, "points without an app")
    with app.running("--keep-training"):
        known = len(run.view().metrics)
        within_two_beats([heart], shows("training", known), "the run and the points of the time without an app")


def test_a_worker_that_is_killed(app, training, open_page):
    run, _ = training
    with app.running("--keep-training"):
        page = open_page(app.url)
        heart = Heart(page)
        wait_for(lambda: shows("training", 1)(page), "the run")
        for process in psutil.process_iter(["cmdline"]):
            if str(run.path) in (process.info["cmdline"] or []):
                process.kill()
                process.wait(LONG)
        within_two_beats([heart], shows("interrupted"), "the interruption")
        page.wait_for_selector("#resume:not([disabled])")
        assert "Press Resume to go on from its last saved point" in page.inner_text("#status") or not run.view().saved

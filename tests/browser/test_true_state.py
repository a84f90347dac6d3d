"""Whatever happens to a page or to the app under it: within two polls it shows what is true, with no click.

A poll (`poll_versions` in ui/app.py) comes at the load and then every two seconds; those that the app has
answered are counted, so that a slow machine makes a test longer and not wrong."""

from dataclasses import replace

import psutil
import pytest

from resnet_demo.runs.config import preset_config
from resnet_demo.workers.launcher import Launcher
from tests.browser.conftest import LONG, wait_for

POLLS = 2
SHOWN = """([word, points]) => {
    const line = document.querySelector('#loss-chart polyline.train')
    const drawn = line ? line.getAttribute('points').split(' ').length : 0
    return document.querySelector(`#status [data-status=${word}]`) !== null && drawn >= points
}"""
# Seven pages cannot be asked at one moment from outside: each looks at itself, and counts its own polls.
COUNT_POLLS = """([pollId, word, points]) => {
    let polls = 0
    const fetch = window.fetch
    window.fetch = async (address, options) => {
        const answer = await fetch(address, options)
        polls += answer.ok && String(options?.body).includes(`"fn_index":${pollId},`)
        return answer
    }
    window.pollsUntilShown = new Promise(resolve => {
        const check = setInterval(() => {
            if (!(SHOWN)([word, points])) return
            clearInterval(check)
            window.fetch = fetch
            resolve(polls)
        }, 20)
    })
}""".replace("SHOWN", SHOWN)
POLL_ID = "window.gradio_config.dependencies.find(one => one.api_name === 'poll_versions').id"
HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', {get: () => hidden, configurable: true});
    Object.defineProperty(document, 'visibilityState', {get: () => hidden ? 'hidden' : 'visible', configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}"""


class PollCounter:
    """Counts the polls that the app has answered to a page, over reloads, too."""

    def __init__(self, page) -> None:
        self.page, self.polls = page, 0
        self._poll_id = page.evaluate(POLL_ID)
        page.on("response", self._see)

    def _see(self, response) -> None:
        asked = response.request.post_data or ""
        self.polls += response.ok and f'"fn_index":{self._poll_id},' in asked.replace(" ", "")

    def within_two_polls(self, word: str, points: int, what: str) -> None:
        """From now on: the run's status is this word and so many points are drawn before the third poll."""
        self.polls = 0
        wait_for(lambda: self._shows(word, points), what)
        assert self.polls <= POLLS, f"{what} took {self.polls} polls"

    def _shows(self, word: str, points: int) -> bool:
        from playwright.sync_api import Error

        try:
            self.page.wait_for_timeout(20)  # lets Playwright hand over the responses
            return self.page.evaluate(SHOWN, [word, min(points, 600)])
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


def wait_until(page, word: str, points: int) -> None:
    page.wait_for_function(SHOWN, arg=[word, points])


def watched(page) -> tuple:
    """The page once it shows the training, and its counter."""
    counter = PollCounter(page)
    wait_until(page, "training", 1)
    wait_for(lambda: page.wait_for_timeout(200) or counter.polls, "a poll")  # else none would ever be counted
    return page, counter


def test_a_reload_in_mid_run(app, training, open_page):
    run, _ = training
    with app.running("--keep-training"):
        page, counter = watched(open_page(app.url))
        for _ in range(3):
            known = len(run.view().metrics)
            page.reload()
            counter.within_two_polls("training", known, "the run and its curve")


def test_seven_tabs_at_once(app, training, open_page):
    run, launcher = training
    with app.running("--keep-training"):
        first = open_page(app.url)
        pages = [watched(first)[0], *(open_page(app.url, beside=first) for _ in range(6))]
        for page in pages:
            wait_until(page, "training", 1)
        assert max(polls_until(pages, "training", len(run.view().metrics))) <= POLLS
        launcher.pause(run)
        assert launcher.wait_until_idle(LONG)
        assert max(polls_until(pages, "paused", len(run.view().metrics))) <= POLLS


def polls_until(pages, word: str, points: int) -> list[int]:
    """How many polls from now each page needs to show this."""
    for page in pages:
        page.evaluate(COUNT_POLLS, [page.evaluate(POLL_ID), word, min(points, 600)])
    return [page.evaluate("window.pollsUntilShown") for page in pages]


def test_a_hidden_tab_that_is_brought_back(app, training, open_page):
    run, launcher = training
    with app.running("--keep-training"):
        page, counter = watched(open_page(app.url))
        page.evaluate(HIDE, True)
        known = len(run.view().metrics)
        wait_for(lambda: page.wait_for_timeout(500) or len(run.view().metrics) > known + 5, "more points meanwhile")
        launcher.pause(run)
        assert launcher.wait_until_idle(LONG)
        page.evaluate(HIDE, False)
        counter.within_two_polls("paused", len(run.view().metrics), "the pause and every point")


def test_the_app_killed_and_restarted_under_an_open_page(app, training, open_page):
    run, _ = training
    with app.running("--keep-training") as process:
        page, counter = watched(open_page(app.url))
        process.kill()
        process.wait()
        known = len(run.view().metrics)
        wait_for(lambda: page.wait_for_timeout(500) or len(run.view().metrics) > known + 5, "points without an app")
    with app.running("--keep-training"):
        known = len(run.view().metrics)
        counter.within_two_polls("training", known, "the run and the points of the time without an app")


def test_a_worker_that_is_killed(app, training, open_page):
    run, _ = training
    with app.running("--keep-training"):
        page, counter = watched(open_page(app.url))
        for process in psutil.process_iter(["cmdline"]):
            if str(run.path) in (process.info["cmdline"] or []):
                process.kill()
                process.wait(LONG)
        counter.within_two_polls("interrupted", 0, "the interruption")
        page.wait_for_selector("#resume:not([disabled])")
        assert "Press Resume to go on from its last saved point" in page.inner_text("#status") or not run.view().saved

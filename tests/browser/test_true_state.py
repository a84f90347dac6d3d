"""Whatever happens to a page or to the app under it: within two polls it shows what is true, with no click.

A poll (`poll_versions` in ui/app.py) comes at the load and then every two seconds. Each page counts those that the app
has answered, so that a slow machine makes a test longer and not wrong; and none while the page waits for what an
earlier one has led to, which takes as long as the machine needs."""

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
COUNT_POLLS = """
    const fetch = window.fetch
    let waiting = 0
    window.fetch = async (address, options) => {
        const asked = String(options?.body)
        if (!asked.includes('"fn_index":')) return fetch(address, options)
        const poll = window.gradio_config.dependencies.find(one => one.api_name === 'poll_versions').id
        const isPoll = asked.includes(`"fn_index":${poll},`), waited = waiting > 0
        if (!isPoll) waiting += 1
        try {
            const answer = await fetch(address, options)
            if (isPoll && answer.ok && !waited && waiting === 0) {
                sessionStorage.polls = Number(sessionStorage.polls || 0) + 1  // over reloads, too
            }
            return answer
        } finally {
            if (!isPoll) setTimeout(() => { waiting -= 1 })
        }
    }
"""
# Seven pages cannot be asked at one moment from outside: each looks at itself.
COUNT_UNTIL_SHOWN = """([word, points]) => {
    sessionStorage.polls = 0
    window.pollsUntilShown = new Promise(resolve => {
        const check = setInterval(() => {
            if (!(SHOWN)([word, points])) return
            clearInterval(check)
            resolve(Number(sessionStorage.polls))
        }, 20)
    })
}""".replace("SHOWN", SHOWN)
HIDE = """hidden => {
    Object.defineProperty(document, 'hidden', {get: () => hidden, configurable: true});
    Object.defineProperty(document, 'visibilityState', {get: () => hidden ? 'hidden' : 'visible', configurable: true});
    document.dispatchEvent(new Event('visibilitychange'));
}"""


def within_two_polls(page, word: str, points: int, what: str) -> None:
    """From now on: the run's status is this word and so many points are drawn before the third poll."""
    ask(page, "sessionStorage.polls = 0")
    wait_for(lambda: ask(page, SHOWN, [word, min(points, 600)]), what)
    polls = int(ask(page, "sessionStorage.polls"))
    assert polls <= POLLS, f"{what} took {polls} polls"


def ask(page, question: str, arg=None):
    """Its answer; asked once more where the page goes away under the question: Gradio reloads it once the app is
    back."""
    from playwright.sync_api import Error

    page.wait_for_timeout(20)
    try:
        return page.evaluate(question, arg)
    except Error:
        return page.evaluate(question, arg)


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


@pytest.fixture
def watch(app, open_page):
    """A page that shows the training and counts its polls; another tab `beside` one."""

    def watched(beside=None):
        page = open_page(app.url, beside=beside, script=COUNT_POLLS)
        wait_until(page, "training", 1)
        page.wait_for_function("sessionStorage.polls > 0")  # else none would ever be counted
        return page

    return watched


def test_a_reload_in_mid_run(app, training, watch):
    run, _ = training
    with app.running("--keep-training"):
        page = watch()
        for _ in range(3):
            known = len(run.view().metrics)
            page.reload()
            within_two_polls(page, "training", known, "the run and its curve")


def test_seven_tabs_at_once(app, training, watch):
    run, launcher = training
    with app.running("--keep-training"):
        first = watch()
        pages = [first, *(watch(beside=first) for _ in range(6))]
        assert max(polls_until(pages, "training", len(run.view().metrics))) <= POLLS
        launcher.pause(run)
        assert launcher.wait_until_idle(LONG)
        assert max(polls_until(pages, "paused", len(run.view().metrics))) <= POLLS


def polls_until(pages, word: str, points: int) -> list[int]:
    """How many polls from now each page needs to show this."""
    for page in pages:
        page.evaluate(COUNT_UNTIL_SHOWN, [word, min(points, 600)])
    return [page.evaluate("window.pollsUntilShown") for page in pages]


def test_a_hidden_tab_that_is_brought_back(app, training, watch):
    run, launcher = training
    with app.running("--keep-training"):
        page = watch()
        page.evaluate(HIDE, True)
        known = len(run.view().metrics)
        wait_for(lambda: page.wait_for_timeout(500) or len(run.view().metrics) > known + 5, "more points meanwhile")
        launcher.pause(run)
        assert launcher.wait_until_idle(LONG)
        page.evaluate(HIDE, False)
        within_two_polls(page, "paused", len(run.view().metrics), "the pause and every point")


def test_the_app_killed_and_restarted_under_an_open_page(app, training, watch):
    run, _ = training
    with app.running("--keep-training") as process:
        page = watch()
        process.kill()
        process.wait()
        known = len(run.view().metrics)
        wait_for(lambda: page.wait_for_timeout(500) or len(run.view().metrics) > known + 5, "points without an app")
    with app.running("--keep-training"):
        known = len(run.view().metrics)
        within_two_polls(page, "training", known, "the run and the points of the time without an app")


def test_a_worker_that_is_killed(app, training, watch):
    run, _ = training
    with app.running("--keep-training"):
        page = watch()
        for process in psutil.process_iter(["cmdline"]):
            if str(run.path) in (process.info["cmdline"] or []):
                process.kill()
                process.wait(LONG)
        within_two_polls(page, "interrupted", 0, "the interruption")
        page.wait_for_selector("#resume:not([disabled])")
        assert "Press Resume to go on from its last saved point" in page.inner_text("#status") or not run.view().saved

"""The app as a person starts it, and a real Chromium. Without a browser these tests skip and say why; where
RESNET_DEMO_REQUIRE_BROWSER is set (CI) its absence is a failure."""

import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from resnet_demo.runs.planning import unplan
from resnet_demo.runs.queue import Queue
from resnet_demo.runs.store import RunStore
from resnet_demo.workers.launcher import Launcher
from tests.support import waiting

ROOT = Path(__file__).parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LONG = 90.0  # seconds; a bound for a busy machine, never a measure


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(600))


def find_chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium, or a skip that says what is missing."""
    path = find_chromium()
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if not path or not sync_playwright:
        missing = "no Chromium on PATH" if sync_playwright else "playwright is not installed (requirements-dev.txt)"
        if os.environ.get("RESNET_DEMO_REQUIRE_BROWSER"):
            pytest.fail(f"the browser is required here, and there is {missing}")
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class App:
    """`python app.py` on a free loopback port, over its own runs folder."""

    def __init__(self, folder: Path) -> None:
        self.runs, self.data = folder / "runs", folder / "data"
        self.store = RunStore(self.runs)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"

    @contextmanager
    def running(self, *flags: str, shipped: bool = False, **environment: str):
        """The app's process; ended by SIGTERM if the test has not ended it."""
        command = [sys.executable, "app.py", "--port", str(self.port), "--runs", self.runs, "--data-dir", self.data]
        if not shipped:
            command.append("--no-shipped")  # a folder of runs that is empty
        process = subprocess.Popen(
            [*command, *flags], cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
        )
        try:
            wait_for(lambda: self._answers(), "the app's first answer")
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.communicate(timeout=LONG)

    def _answers(self) -> bool:
        try:
            return httpx.get(self.url, timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def stop_training(self) -> None:
        for planned in Queue(self.store.folder).runs():  # else the next one would be started
            unplan(self.store, planned)
        if run := self.store.active():
            launcher = Launcher(self.store, self.data)
            launcher.stop(run)
            assert launcher.wait_until_idle(LONG)


@pytest.fixture
def app(tmp_path):
    app = App(tmp_path)
    yield app
    app.stop_training()


@pytest.fixture(scope="session")
def empty_app(tmp_path_factory):
    """A running app over an empty folder of runs, for tests that look and start nothing: they share it."""
    app = App(tmp_path_factory.mktemp("empty"))
    with app.running():
        yield app


@pytest.fixture(scope="session")
def shipped_app(tmp_path_factory):
    """The same with the runs that come along."""
    app = App(tmp_path_factory.mktemp("shipped"))
    with app.running(shipped=True):
        yield app


@pytest.fixture
def open_page(chromium):
    """`open_page(url, width=1440, dark=False)`: a window of its own, or with `beside=page` another tab of that one's,
    where a `script` runs before the page's own; an error of the page's scripts fails the test."""
    contexts, errors = [], []

    def opening(url: str, width: int = 1440, dark: bool = False, beside=None, script: str = ""):
        if beside is None:
            contexts.append(
                chromium.new_context(
                    viewport={"width": width, "height": 1000}, color_scheme="dark" if dark else "light"
                )
            )
        page = (beside.context if beside else contexts[-1]).new_page()
        page.set_default_timeout(LONG * 1000)
        page.add_init_script(script)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        page.wait_for_selector("#tour", state="attached")  # an address may open another tab
        return page

    yield opening
    for context in contexts:
        context.close()
    assert errors == []


def names_of_calls(page) -> dict[int, str]:
    """By the number that a call of the page is sent with."""
    return dict(page.evaluate("gradio_config.dependencies.map(({id, api_name}) => [id, api_name])"))


def called(request, names: dict[int, str]) -> str:
    """The name of an unqueued call, '' of any other request."""
    return names[request.post_data_json["fn_index"]] if "/gradio_api/run/" in request.url else ""


def hold_back(page, name: str, most: float = math.inf) -> list:
    """The routes of the page's calls of this name, which go on where a test lets them; beyond `most` of them none is
    held."""
    names, held = names_of_calls(page), []

    def hold(route):
        is_meant = names[route.request.post_data_json["fn_index"]] == name and len(held) < most
        held.append(route) if is_meant else route.continue_()

    page.route(re.compile("/gradio_api/(run/|queue/join)"), hold)
    return held


def choose(page, setting: str, label: str) -> None:
    page.click(f"#setting-{setting} input")
    page.get_by_role("option", name=label).click()


def choose_tour(page) -> None:
    """Its settings in the form, to be changed or started."""
    choose(page, "preset", "tour")
    page.wait_for_function("document.querySelector('#setting-batch_size input').value === '64'")  # it is filled in


def drop(page, where: str, path: Path) -> None:
    """An image into `where`, the selector of a place for one."""
    page.wait_for_selector(f"{where} input[type=file]", state="attached")
    page.set_input_files(f"{where} input[type=file]", path)


def start_long(page) -> None:
    """A training that outlasts the test on any machine, of a network whose steps are short; started as a person
    does."""
    choose_tour(page)
    page.fill("#setting-epochs input", "1000")
    page.click("text=Advanced settings")
    choose(page, "arch", "ResNet-18")
    page.click("#start")


wait_for = partial(waiting.wait_for, limit_s=LONG, poll_s=0.2)

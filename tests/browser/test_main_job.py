"""The main job in a real browser: train, watch, reload, look inside, classify; and what a visitor may not."""

import signal
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from resnet_demo.runs import events
from tests.browser.conftest import LONG, drop, start_long, wait_for
from tests.support.checkpoints import DIGITS, make_run


def status(page) -> str:
    return page.inner_text("#status")


def drawn_points(page) -> int:
    """Points of the loss curve on the page."""
    line = page.query_selector("#loss-chart polyline.train")
    return len(line.get_attribute("points").split()) if line else 0


def digit_on_disk(folder, digit: int = 3):
    from sklearn.datasets import load_digits

    digits = load_digits()
    image = digits.images[list(digits.target).index(digit)]
    path = folder / f"digit-{digit}.png"
    Image.fromarray((image * 255 / 16).astype(np.uint8)).resize((200, 200)).save(path)
    return path


def test_train_watch_reload_look_inside_and_classify(app, open_page, tmp_path):
    with app.running():
        page = open_page(app.url)
        hosts = set()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
        page.wait_for_selector("#status:has-text('no run yet')")
        start_long(page)
        page.wait_for_selector("#status [data-status=training]")
        page.wait_for_selector("#loss-chart polyline.train")
        before = drawn_points(page)
        wait_for(lambda: page.wait_for_timeout(200) or drawn_points(page) > before, "another point of the curve")

        page.reload()
        page.wait_for_selector("#status [data-status=training]")
        page.wait_for_selector("#loss-chart polyline.train")
        second = open_page(app.url)
        second.wait_for_selector("#status [data-status=training]")
        assert second.inner_text(".run-title") == page.inner_text(".run-title")

        page.get_by_role("tab", name="Architecture").click()
        page.wait_for_selector("text=23,528,522")
        wait_for(lambda: app.store.latest_model() is not None, "the first checkpoint")
        page.get_by_role("tab", name="Classify").click()
        drop(page, "#classify-image", digit_on_disk(tmp_path))
        page.wait_for_selector("#classify-answer:has-text('probability')")

        page.get_by_role("tab", name="Train").click()
        page.click("#stop")
        page.wait_for_selector("#status [data-status=stopped]")
        assert hosts == {"127.0.0.1"}  # no fonts, no telemetry, no script from elsewhere


def test_an_image_that_came_before_any_checkpoint_is_answered_by_the_first(app, open_page, tmp_path):
    with app.running():
        page = open_page(app.url)
        page.get_by_role("tab", name="Classify").click()
        drop(page, "#classify-image", digit_on_disk(tmp_path))
        page.wait_for_selector("#classify-answer:has-text('There is no trained checkpoint yet')")
        run = make_run(app.store, "20261124-101500-resnet18-digits", DIGITS)
        run.append(events.CheckpointSaved(time=1.0, epoch=1, step=3, images_seen=48, elapsed_s=2.0))
        page.wait_for_selector("#classify-answer:has-text('probability')")


def test_the_app_ends_the_run_is_saved_and_the_next_start_resumes_it(app, open_page):
    with app.running() as process:
        page = open_page(app.url)
        start_long(page)
        page.wait_for_selector("#loss-chart polyline.train")
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=LONG)[0]
        assert "The next start offers Resume" in said and process.returncode == 0
    (run,) = app.store.runs()
    assert run.view().paused and not run.is_alive()
    with app.running():
        page.wait_for_selector("#status [data-status=paused]")  # the page that stayed open, with no click
        wait_for(lambda: resumed(page), "a resumed run")


def resumed(page) -> bool:
    """Press Resume where it can be pressed. Gradio reloads a page whose app has come back; a press just before that
    is lost with the old page, so it may take two."""
    from playwright.sync_api import Error

    try:
        if page.is_visible("#status [data-status=training]"):
            return True
        if page.is_enabled("#resume", timeout=5000):
            page.click("#resume", timeout=5000)
        page.wait_for_timeout(3000)
    except Error:  # the page went away under the question: ask the new one
        page.wait_for_load_state()
    return False


def test_keep_training_leaves_the_run_alone(app, open_page):
    with app.running("--keep-training") as process:
        open_page(app.url).click("#tour")
        wait_for(lambda: app.store.active() is not None, "the worker")
        process.send_signal(signal.SIGINT)
        assert "goes on training" in process.communicate(timeout=LONG)[0]
    assert app.store.active() is not None


def test_a_visitor_looks_and_the_owner_acts(app, open_page):
    with app.running(RESNET_DEMO_TOKEN="secret"):
        visitor, owner = open_page(app.url), open_page(f"{app.url}?token=secret")
        start_long(owner)
        owner.wait_for_selector("#status [data-status=training]")
        owner.wait_for_timeout(5000)  # some polls: the token goes with them, too
        assert owner.is_enabled("#stop")
        visitor.wait_for_selector("#status [data-status=training]")
        for button in ("start", "tour", "pause", "resume", "stop"):
            visitor.wait_for_selector(f"#{button}:disabled")


def open_planned(open_page, url, width=1440):
    """The page once its form has been filled and its plan stands."""
    page = open_page(url, width)
    page.wait_for_selector("#plan:has-text('Trains on')")
    return page


def test_a_preset_that_is_merely_looked_at_changes_nothing(empty_app, open_page):
    page = open_planned(open_page, empty_app.url)
    page.fill("#setting-epochs input", "20")
    page.focus("#setting-preset input")
    page.focus("#setting-batch_size input")
    page.wait_for_timeout(1000)
    assert page.input_value("#setting-epochs input") == "20"
    page.click("#setting-preset input")
    page.get_by_role("option", name="article").click()
    page.wait_for_function("document.querySelector('#setting-epochs input').value === '100'")


def test_a_wrong_setting_is_said_beside_its_field(empty_app, open_page):
    page = open_planned(open_page, empty_app.url)
    page.fill("#setting-epochs input", "0")
    said = "getComputedStyle(document.querySelector('#setting-epochs'), '::after').content"
    page.wait_for_function(f"{said}.includes('Epochs must be from 1 to 1000')")
    page.click("#start")
    page.wait_for_selector(".toast-wrap >> text=Epochs must be from 1 to 1000")
    page.wait_for_selector("#start:not([disabled])")
    assert empty_app.store.runs() == []
    page.fill("#setting-epochs input", "3")
    page.wait_for_function(f"{said} === 'none'")


@pytest.mark.parametrize("width", [1440, 390])
def test_no_tab_is_wider_than_the_window(empty_app, open_page, width):
    page = open_planned(open_page, empty_app.url, width)
    stands = {"Train": "#plan", "Runs": "#runs p", "Architecture": ".arch-table", "Classify": "#classify-answer"}
    for tab, filled in {**stands, "Evaluate": ".evaluate-empty"}.items():
        page.get_by_role("tab", name=tab).click()
        page.wait_for_selector(filled)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, tab

"""A Space on ZeroGPU, by a stand-in for the package that lends the GPU: visitors train in slices."""

from pathlib import Path

import pytest
from PIL import Image

from resnet_demo.runs.store import RunStore
from tests.browser.conftest import ROOT, choose_tour, drop, wait_for

PACKAGE = ROOT / "tests" / "support" / "zerogpu_package"
SLICE = 90  # 60 s at the platform's factor


@pytest.fixture
def quota(tmp_path):
    path = tmp_path / "quota"
    path.write_text(str(3 * SLICE + 20))
    return path


@pytest.fixture
def environment(quota):
    return {
        "SPACES_ZERO_GPU": "true",
        "ZEROGPU_QUOTA": str(quota),
        "PYTHONPATH": f"{PACKAGE}:{ROOT}",
        "OMP_NUM_THREADS": "1",  # OpenMP's threads do not come along into a fork
        "RESNET_DEMO_TOKEN": "the owner's own word",
    }


@pytest.fixture
def on_zerogpu(app, environment):
    with app.running(**environment):
        yield app


def visitors_runs(app) -> list:
    return [run for folder in Path(app.runs).glob(".visitors/*") for run in RunStore(folder).runs()]


def step_of(page) -> int:
    return int(page.inner_text("#status .run-facts div:nth-child(2) dd").split()[0].replace(",", ""))


def start(page) -> None:
    choose_tour(page)
    page.fill("#setting-epochs input", "30")
    page.click("#start")


def test_an_image_that_waits_is_pinned_as_soon_as_the_run_has_begun(on_zerogpu, open_page, tmp_path):
    """Start is one call that lasts as long as the run does: what follows the press does not wait for its end."""
    Image.effect_noise((32, 32), 90).convert("RGB").save(tmp_path / "noise.png")
    page = open_page(on_zerogpu.url)
    page.wait_for_selector("#status:has-text('You can train one run of your own here')")
    drop(page, "#image", tmp_path / "noise.png")
    page.wait_for_selector("#image img")
    start(page)
    page.wait_for_selector("#pinned img.pinned-image")
    page.wait_for_selector("#start:not([aria-busy])")
    (run,) = visitors_runs(on_zerogpu)
    assert run.view().ended is None and not run.view().paused
    wait_for(lambda: page.evaluate("document.querySelector('#status').getBoundingClientRect().top < innerHeight"), "it")


def test_who_comes_for_the_first_time_reads_what_visitors_can_do(app, environment, open_page):
    with app.running(shipped=True, **environment):
        page = open_page(app.url)
        page.wait_for_selector("#replay .replay")
        page.wait_for_selector("#status .hint:has-text('You can train one run of your own here')", state="visible")
        assert page.is_hidden("#status .run-card")


def test_a_visitor_trains_until_the_quota_ends_and_goes_on_when_it_is_back(on_zerogpu, open_page, quota):
    app = on_zerogpu
    page = open_page(app.url)
    page.wait_for_selector("#status:has-text('You can train one run of your own here')")
    start(page)
    page.wait_for_selector("#status [data-status=training]")
    page.wait_for_selector("#status .run-waits:has-text('Come back in')")
    page.wait_for_selector("#status [data-status=paused]")
    assert float(quota.read_text()) == 20  # three slices
    (run,) = visitors_runs(app)
    assert run.view().paused and not run.is_alive() and app.store.runs() == []
    reached = step_of(page)
    assert reached > 0

    stranger = open_page(app.url)
    stranger.wait_for_selector("#status:has-text('no run yet')")
    assert stranger.is_disabled("#resume")

    again = open_page(app.url, beside=page)
    page.close()
    again.wait_for_selector("#status .run-waits")
    assert step_of(again) == reached
    quota.write_text(str(100 * SLICE))
    again.click("#resume:enabled")
    again.wait_for_selector("#status [data-status=training]")
    wait_for(lambda: step_of(again) > reached, "the next step")
    again.wait_for_selector("#status .run-waits", state="hidden")
    again.close()  # the visitor leaves: the run is saved
    wait_for(lambda: not run.is_alive() and run.view().paused, "the pause")

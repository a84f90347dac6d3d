"""Two runs in the Runs tab: ticked and compared, one renamed, one deleted after a question."""

from dataclasses import replace

import pytest

from resnet_demo.workers.worker import Worker
from tests.runs.test_points import metric

RATES = {0.002: "slow", 0.004: "fast"}


@pytest.fixture
def runs(app, tiny_config):
    """Two short runs of digits that differ in their learning rate."""
    made = [app.store.create(replace(tiny_config, learning_rate=rate), name) for rate, name in RATES.items()]
    for run in made:
        for _ in Worker(run, app.data).work():
            pass
    return made


def tick(page, run) -> None:
    page.click(f"#runs input[data-run={run.id}]")


def test_ticked_runs_are_compared_renamed_and_deleted(app, runs, open_page):
    slow, fast = runs
    with app.running():
        page = open_page(app.url)
        page.get_by_role("tab", name="Runs").click()
        tick(page, slow)
        tick(page, fast)
        for mark in ("run-0", "run-1"):
            for line in ("train", "test"):
                page.wait_for_selector(f"#runs-curves .chart:first-of-type polyline.{line}.{mark}")
        assert page.inner_text("#runs-differences tbody").split("\t") == ["Learning rate", "0.002", "0.004"]
        assert page.is_disabled("#runs-again")

        page.click("text=Rename, continue, delete")
        tick(page, fast)  # no longer
        page.fill("#runs-title textarea", "Calm <i>one</i>")
        page.click("#runs-rename")
        page.wait_for_selector("#runs tbody >> text=Calm <i>one</i>")
        page.wait_for_selector("#runs-curves .compare-key >> text=Calm <i>one</i>")
        assert slow.title() == "Calm <i>one</i>"
        assert page.is_checked(f"#runs input[data-run={slow.id}]")  # the new table keeps what was ticked

        page.click("#runs-delete")
        page.wait_for_selector("#runs-question:has-text('Delete “Calm <i>one</i>”')")
        page.click("#runs-no")
        page.wait_for_selector("#runs-question", state="hidden")
        assert slow.exists()
        page.click("#runs-delete")
        page.click("#runs-yes")
        page.wait_for_selector(f"#runs input[data-run={slow.id}]", state="detached")
        page.wait_for_selector("#runs-curves:has-text('will be drawn here')")
        assert app.store.runs() == [fast]


def test_run_again_fills_the_form_and_a_visitor_cannot(app, tiny_config, open_page):
    fast = app.store.create(replace(tiny_config, learning_rate=0.004), "fast")
    for event in (metric(2, 1.0), metric(4, 0.5)):
        fast.append(event)
    with app.running(RESNET_DEMO_TOKEN="secret"):
        visitor, owner = open_page(app.url), open_page(f"{app.url}?token=secret")
        for page in (visitor, owner):
            page.get_by_role("tab", name="Runs").click()
            tick(page, fast)
            page.wait_for_selector("#runs-curves polyline.run-0")
        assert visitor.is_disabled("#runs-again") and visitor.is_enabled("#runs-csv")
        owner.click("#runs-again")
        owner.wait_for_selector("#setting-learning_rate input", state="visible")
        assert owner.input_value("#setting-learning_rate input") == "0.004"
        with visitor.expect_download() as download:
            visitor.click("#runs-csv")
        assert download.value.path().read_text().startswith("run,title,step")

"""A run is discarded only after the person agreed, and a new one starts from the weights that were chosen."""

from resnet_demo.runs import events
from tests.browser.conftest import choose, choose_tour, start_long, wait_for
from tests.support.checkpoints import DIGITS, make_run


def test_discard_asks_first(app, open_page):
    with app.running():
        page = open_page(app.url)
        assert page.is_disabled("#discard")
        start_long(page)
        page.wait_for_selector("#status [data-status=training]")
        (run,) = app.store.runs()
        page.click("#discard")
        page.wait_for_selector("#discard-question:has-text('Delete the run of ')")
        page.click("#discard-no")
        page.wait_for_selector("#discard-question", state="hidden")
        page.wait_for_timeout(3000)
        assert run.is_alive() and run.wanted() == "run"
        page.click("#discard")
        page.click("#discard-yes")
        wait_for(lambda: not run.path.exists(), "the end of the run's folder")
        page.wait_for_selector("#status:has-text('no run yet')")
        page.wait_for_selector("#discard-question", state="hidden")
        assert app.store.runs() == []


def test_a_run_starts_from_the_weights_that_were_chosen(app, open_page):
    parent = make_run(app.store, "20261124-101500-resnet18-digits", DIGITS)
    place = {"time": 1.0, "epoch": 1, "step": 3, "images_seen": 48, "elapsed_s": 2.0}
    parent.append(events.CheckpointSaved(**place))
    parent.append(events.RunEnded(**place, outcome="stopped"))
    with app.running():
        page = open_page(app.url)
        choose_tour(page)
        page.click("text=Advanced settings")
        choose(page, "arch", "ResNet-18")
        choose(page, "start_from", "24 Nov 2026, 10:15, resnet50 on handwritten digits")
        page.click("#start")
        page.wait_for_selector("#status:has-text('from the run “24 Nov 2026, 10:15”')")
        child = next(run for run in app.store.runs() if run != parent)
        assert child.config().parent_id == parent.id
        page.wait_for_selector("#loss-chart polyline.train")
        page.click("#stop")
        page.wait_for_selector("#status [data-status=stopped]")
        choose(page, "start_from", "Random weights")
        page.click("#start")
        wait_for(lambda: len(app.store.runs()) == 3, "a third run")
        assert app.store.runs()[0].config().start_from == ""

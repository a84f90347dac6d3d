"""Why an image is taken for a class: where the answer comes late, and how it came to be."""

from dataclasses import replace

from PIL import Image

from resnet_demo.models.checkpoint import save_model
from tests.browser.conftest import drop, hold_back, wait_for
from tests.support.checkpoints import INFO, make_run, network


def test_maps_that_come_late_are_not_shown_under_another_image(shipped_app, open_page):
    page = open_page(shipped_app.url)
    page.get_by_role("tab", name="Classify").click()
    page.click("[data-example=drawn-ship]")
    page.wait_for_selector("#classify-answer [data-why=ship]")
    # At once: while the maps of the ship are being made.
    page.evaluate(
        "document.querySelector('[data-why=ship]').click(); document.querySelector('[data-example$=frog]').click()"
    )
    page.wait_for_selector("#classify-answer >> text=frog with")
    page.wait_for_timeout(5000)
    page.wait_for_selector("#classify-why .pending", state="detached")  # Gradio's own mark, until the ship's maps came
    assert page.inner_text("#classify-why").strip() == ""
    page.click("#classify-answer [data-why=frog]")
    page.wait_for_selector("[data-why=frog][aria-busy=true]")  # from the press to its answer
    page.wait_for_selector("#classify-why >> text=Evidence for frog")
    page.wait_for_selector("[aria-busy]", state="detached")


def test_of_two_classes_asked_about_the_last_stays(shipped_app, open_page):
    page = open_page(f"{shipped_app.url}?tab=classify")
    page.click("[data-example=drawn-ship]")
    page.wait_for_selector("#classify-answer [data-why] >> nth=1")
    first, last = (one.get_attribute("data-why") for one in page.query_selector_all("#classify-answer [data-why]")[:2])
    late = hold_back(page, "explain", most=1)
    page.click("#classify-answer [data-why] >> nth=0")
    wait_for(lambda: page.wait_for_timeout(50) or late, "the call")
    page.click("#classify-answer [data-why] >> nth=1")
    late[0].continue_()
    page.wait_for_selector(f"#classify-why:not(:has([data-class='{first}'])) [data-class='{last}']")
    page.wait_for_timeout(2000)
    assert page.get_attribute("#classify-why .why", "data-class") == last


def test_an_animation_that_comes_late_is_not_shown_under_the_maps_of_another_class(app, open_page, tmp_path):
    make_run_of_two_epochs(app)
    with app.running():
        page = open_noise(app, open_page, tmp_path)
        late = hold_back(page, "why_animation")
        page.click("#classify-answer [data-why] >> nth=0")
        page.click("[data-animation]")
        wait_for(lambda: page.wait_for_timeout(50) or late, "the call")
        last = page.get_attribute("#classify-answer [data-why] >> nth=1", "data-why")
        page.click(f"#classify-answer [data-why='{last}']")
        page.wait_for_selector(f"#classify-why [data-class='{last}']")
        late[0].continue_()
        page.wait_for_selector("#classify-animation .pending", state="detached")  # Gradio's own mark
        page.wait_for_timeout(1000)
        assert not page.query_selector("#classify-animation .why")


def make_run_of_two_epochs(app):
    run = make_run(app.store, "20261124-101500-resnet18", INFO)  # of epoch 2
    run.epochs_path.mkdir()
    save_model(run.epoch_path(1), network(seed=1), replace(INFO, epoch=1, step=17))


def open_noise(app, open_page, tmp_path):
    """An image that the run has an answer for."""
    Image.effect_noise((32, 32), 90).convert("RGB").save(tmp_path / "noise.png")
    page = open_page(f"{app.url}?tab=classify")
    drop(page, "#classify-image", tmp_path / "noise.png")
    page.wait_for_selector("#classify-answer [data-why]")
    return page


def test_the_slider_leads_through_the_kept_checkpoints(app, open_page, tmp_path):
    make_run_of_two_epochs(app)
    with app.running():
        page = open_noise(app, open_page, tmp_path)
        page.click("#classify-answer [data-why] >> nth=0")
        page.click("[data-animation]")
        page.wait_for_selector(".why-frame >> nth=1")
        shown = "[...document.querySelectorAll('.why-frame')].map((frame) => !frame.hidden)"
        assert page.evaluate(shown) == [False, True]
        page.focus(".why-slider input")
        page.keyboard.press("Home")
        assert page.evaluate(shown) == [True, False]

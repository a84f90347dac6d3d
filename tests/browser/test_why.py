"""Why an image is taken for a class: where the answer comes late, and how it came to be."""

from dataclasses import replace

from PIL import Image

from resnet_demo.models.checkpoint import save_model
from tests.browser.conftest import drop
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


def test_the_slider_leads_through_the_kept_checkpoints(app, open_page, tmp_path):
    run = make_run(app.store, "20261124-101500-resnet18", INFO)  # of epoch 2
    run.epochs_path.mkdir()
    save_model(run.epoch_path(1), network(seed=1), replace(INFO, epoch=1, step=17))
    Image.effect_noise((32, 32), 90).convert("RGB").save(tmp_path / "noise.png")
    with app.running():
        page = open_page(f"{app.url}?tab=classify")
        drop(page, "#classify-image", tmp_path / "noise.png")
        page.click("#classify-answer [data-why] >> nth=0")
        page.click("[data-animation]")
        page.wait_for_selector(".why-frame >> nth=1")
        shown = "[...document.querySelectorAll('.why-frame')].map((frame) => !frame.hidden)"
        assert page.evaluate(shown) == [False, True]
        page.focus(".why-slider input")
        page.keyboard.press("Home")
        assert page.evaluate(shown) == [True, False]

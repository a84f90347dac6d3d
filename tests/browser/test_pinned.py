"""An image is dropped into the Train tab, and one follows the prediction for it."""

from PIL import Image, ImageDraw

from resnet_demo.runs.pinned import PinnedFile
from tests.browser.conftest import drop, start_long, wait_for


def seven_on_paper(folder):
    path = folder / "seven.png"
    image = Image.new("RGB", (240, 180), "white")
    ImageDraw.Draw(image).line([(80, 30), (160, 30), (110, 150)], fill="black", width=18)
    image.save(path)
    return path


def drawn_answers(page) -> int:
    """Points of the likeliest class's curve on the page."""
    line = page.query_selector("#probability-chart polyline.now")
    return len(line.get_attribute("points").split()) if line else 0


def test_a_dropped_image_is_watched_reloaded_and_removed(app, open_page, tmp_path):
    with app.running():
        page = open_page(app.url)
        page.wait_for_selector("#pinned:has-text('Pin an image')")
        drop(page, "#image", seven_on_paper(tmp_path))
        page.wait_for_selector("#image img")  # waits here for the run
        start_long(page)
        page.wait_for_selector("#pinned img.pinned-image")
        page.wait_for_selector("#image img", state="detached")
        wait_for(lambda: page.wait_for_timeout(200) or drawn_answers(page) > 1, "a curve of answers")

        page.reload()
        page.wait_for_selector("#probability-chart polyline.now")
        page.wait_for_selector("#pinned:has-text('Now:')")
        along = page.text_content("#probability-chart text.label")
        page.click("text=More curves, smoothing, steps or time")
        page.click("#curves-axis label:has-text('step')")
        page.wait_for_selector("#probability-chart text.label:has-text('step')")
        assert along == "epoch"

        page.click("#stop")
        page.wait_for_selector("#status [data-status=stopped]")
        page.wait_for_selector("#pinned:has-text('In the end:')")
        (run,) = app.store.runs()
        assert len(run.view().predictions) > 1 and PinnedFile(run).read().image
        page.click("[data-unpin]")
        page.wait_for_selector("#pinned:has-text('Pin an image')")
        assert not run.pinned_path.exists() and page.query_selector("#probability-chart polyline") is None

        drop(page, "#image", seven_on_paper(tmp_path))
        page.wait_for_selector("#image img")
        page.get_by_role("tab", name="Runs").click()
        page.click(f"#runs input[data-run='{run.id}']")
        page.click("text=Rename, continue, delete")
        page.click("text=Continue as a new run")  # opens the Train tab
        page.wait_for_selector("#pinned img.pinned-image")
        page.wait_for_selector("#image img", state="detached")

"""Plots that can be read: the cross-hair's values are the log's, by mouse, touch and keys, also where the server has
drawn the plots anew."""

import csv
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

import resnet_demo.ui
from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.html.comparison import curves_html
from resnet_demo.ui.html.curves import ChartChoice, run_charts
from resnet_demo.ui.theme import CSS

SCRIPT = (Path(resnet_demo.ui.__file__).parent / "curves.js").read_text(encoding="utf-8")
CHARTS = ("loss", "accuracy", "rate", "speed", "norm")
VALUES = """() => Object.fromEntries([...document.querySelectorAll('.chart-values')].map((box) => [
    box.closest('.chart').querySelector('b').textContent, [...box.children].map((row) =>
        [...row.childNodes].map((part) => part.textContent).filter(Boolean).join(' ').trim())]))"""
LOSS, ACCURACY, RATE = "Loss (cross-entropy)", "Accuracy", "Learning rate"
HEAD = '<meta name="viewport" content="width=device-width">'
STEPS = 10  # of an epoch
PLACE = {"time": 1.0, "images_seen": 0}


def log_of_a_run(run, steps=40, steps_per_epoch=STEPS):
    """Numbers of more digits than a plot's pixels could tell apart."""
    run.append(
        events.RunStarted(
            **PLACE, elapsed_s=0.0, epoch=1, step=0, epochs=8, steps_per_epoch=steps_per_epoch, train_images=1280,
            validation_images=0, test_images=100, classes=("a", "b"), device="CPU",
        )
    )  # fmt: skip
    for step in range(2, steps + 1, 2):
        run.append(point(step))
        if step % STEPS == 0:
            run.append(evaluated(step))


def point(step):
    return events.MetricsLogged(
        **PLACE, elapsed_s=step / 3, epoch=1 + (step - 1) // STEPS, step=step, train_loss=2.3 / (1 + step / 7),
        train_accuracy=1 - 1.1 / (1 + step / 7), learning_rate=0.1 / (1 + step), images_per_s=100 + 7 / step,
        gradient_norm=1 + 1 / step,
    )  # fmt: skip


def evaluated(step):
    return events.EpochEnded(
        **PLACE, elapsed_s=step / 3, epoch=step // STEPS, step=step, test_loss=2 / step, test_accuracy=1 - 3.3 / step
    )


def logged(run, name="MetricsLogged"):
    """What events.jsonl says, by step."""
    lines = map(json.loads, run.events_path.read_text(encoding="utf-8").splitlines())
    return {line["step"]: line for line in lines if line["event"] == name}


def four_digits(value, unit=1.0):
    return float(f"{value:.4g}") / unit


def number(row):
    """The value of a row: 'train 1.045' or 'test 65.26 % at 7'."""
    return float(re.search(r"(-?[\d,.]+)(?: %)?(?: at .*)?$", row).group(1).replace(",", ""))


@pytest.fixture
def run(tmp_path):
    run = RunStore(tmp_path / "runs").create(preset_config("fast", epochs=8))
    log_of_a_run(run)
    return run


def html_of(run, choice=None):
    snapshot = Snapshot(run, run.config(), run.whole_view(), False, None, "run")
    charts = zip(CHARTS, run_charts(snapshot, choice), strict=True)
    return "".join(f'<div id="{name}" style="width: min(420px, 100%)">{chart}</div>' for name, chart in charts)


@pytest.fixture
def plots(chromium):
    """`plots(html, **context)`: the charts alone in a page, as the app's page would hold them."""
    contexts, errors = [], []

    def opened(html, **context):
        contexts.append(chromium.new_context(**context))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_content(f'{HEAD}<style>{CSS}</style><div role="tabpanel">{html}</div>')
        page.evaluate(f"() => {{ const trigger = () => {{}}; {SCRIPT} }}")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert errors == []


def spot(page, chart, share, up=0.5):
    """Where on the screen a share of a plot's x axis stands."""
    return page.evaluate(
        """([chart, share, up]) => {
            const svg = document.querySelector(`#${chart} .chart > svg`), plot = svg.querySelector('.plot');
            const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((name) => plot[name].baseVal.value);
            const at = new DOMPoint(x + share * width, y + up * height).matrixTransform(svg.getScreenCTM());
            return [at.x, at.y];
        }""",
        [chart, share, up],
    )


def assert_values_at_step(page, run, step):
    rows = page.evaluate(VALUES)[LOSS]
    assert rows[0] == f"epoch {step / STEPS:.4g}"
    assert number(rows[1]) == four_digits(logged(run)[step]["train_loss"])


def assert_values_at(page, run, step):
    """Each plot's cross-hair says what the log says, to four digits."""
    metric, values = logged(run)[step], page.evaluate(VALUES)
    assert values[LOSS][0] == f"epoch {step / STEPS:.4g}"
    assert number(values[LOSS][1]) == four_digits(metric["train_loss"])
    assert number(values[ACCURACY][1]) == pytest.approx(four_digits(metric["train_accuracy"], 0.01), abs=1e-9)
    assert number(values[RATE][2]) == four_digits(metric["learning_rate"])
    assert number(values["Speed in images/s"][1]) == four_digits(metric["images_per_s"])
    assert number(values["Gradient norm"][1]) == four_digits(metric["gradient_norm"])


def test_under_the_mouse_all_plots_say_what_the_log_says(plots, run):
    page = plots(html_of(run))
    for step in (2, 14, 40):
        page.mouse.move(*spot(page, "accuracy", step / (8 * STEPS)))
        assert_values_at(page, run, step)
    ended = logged(run, "EpochEnded")[40]
    values = page.evaluate(VALUES)
    assert number(values[LOSS][2]) == four_digits(ended["test_loss"])
    assert number(values[ACCURACY][2]) == pytest.approx(four_digits(ended["test_accuracy"], 0.01), abs=1e-9)
    page.mouse.move(5, 5)
    assert page.evaluate(VALUES) == {} and page.query_selector(".cross") is None


def test_a_value_of_another_place_says_where_it_was_measured(plots, run):
    page = plots(html_of(run))
    page.mouse.move(*spot(page, "loss", 14 / (8 * STEPS)))
    test = page.evaluate(VALUES)[LOSS][2]
    assert test.endswith(" at 1") and number(test) == four_digits(logged(run, "EpochEnded")[10]["test_loss"])


def test_where_nothing_has_been_measured_yet_the_last_point_is_told(plots, run):
    page = plots(html_of(run))
    page.mouse.move(*spot(page, "loss", 0.9))
    assert_values_at(page, run, 40)


def test_a_smoothed_curve_is_not_taken_for_what_was_measured(plots, run):
    page = plots(html_of(run, ChartChoice(0.6, "step")))
    page.mouse.move(*spot(page, "loss", 14 / (8 * STEPS)))
    rows = page.evaluate(VALUES)[LOSS]
    assert rows[0] == "step 14" and [row.rpartition(" ")[0] for row in rows[1:3]] == ["train", "train, smoothed"]
    assert number(rows[1]) == four_digits(logged(run)[14]["train_loss"]) != number(rows[2])


def test_on_a_logarithmic_scale_it_says_the_same(plots, run):
    page = plots(html_of(run, ChartChoice(log=True)))
    for step in (2, 14, 40):
        page.mouse.move(*spot(page, "loss", step / (8 * STEPS)))
        assert_values_at(page, run, step)


def test_means_of_neighbours_are_called_means(plots, tmp_path):
    run = RunStore(tmp_path / "runs").create(preset_config("fast", epochs=8))
    log_of_a_run(run, 1600, steps_per_epoch=200)
    page = plots(html_of(run))
    page.mouse.move(*spot(page, "loss", 0.5))
    assert page.evaluate(VALUES)[LOSS][1].endswith("mean of 3 points")


def test_by_keys_and_said_once_to_who_listens(plots, run):
    page = plots(html_of(run))
    page.focus("#loss .chart > svg")
    page.evaluate(
        "() => { window.said = []; new MutationObserver(() => window.said.push(document.querySelector('.chart-status')"
        ".textContent)).observe(document.querySelector('.chart-status'), {childList: true}); }"
    )
    for key in ("ArrowLeft", "ArrowLeft", "ArrowRight", "Home", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert_values_at(page, run, 6)
    page.wait_for_function("window.said.length > 0")
    metric = logged(run)[6]
    loss = four_digits(metric["train_loss"])
    assert (
        page.evaluate("window.said")[0].startswith(f"epoch 0.6, train {loss:.6g}")
        and page.evaluate("window.said.length") == 1
    )
    page.keyboard.press("End")
    assert_values_at(page, run, 40)
    page.keyboard.press("Escape")
    assert page.evaluate(VALUES) == {}


def test_by_touch_it_stays_until_something_else_is_touched(plots, run):
    page = plots(html_of(run), has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.touchscreen.tap(*spot(page, "loss", 14 / (8 * STEPS)))
    assert page.evaluate(VALUES)[LOSS][0] == "epoch 1.4"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390  # nothing stands out of the screen
    page.touchscreen.tap(200, 2)
    page.wait_for_function("document.querySelector('.chart-values') === null")


def test_a_press_on_the_legend_takes_a_series_off_and_on(plots, run):
    page = plots(html_of(run))
    page.click("#loss [data-series=train]")
    page.mouse.move(*spot(page, "loss", 14 / (8 * STEPS)))
    values = page.evaluate(VALUES)
    assert [row.split()[0] for row in values[LOSS]] == ["epoch", "test"]
    assert [row.split()[0] for row in values[ACCURACY]] == ["epoch", "train", "test"]  # a plot's legend is its own
    assert not page.is_visible("#loss .curve.train") and page.is_visible("#loss .curve.test")
    assert page.get_attribute("#loss [data-series=train]", "aria-pressed") == "false"
    page.click("#loss [data-series=train]")
    assert page.is_visible("#loss .curve.train")


def test_a_run_and_a_kind_of_line_can_be_taken_out_of_a_comparison(plots, run):
    snapshot = Snapshot(run, run.config(), run.whole_view(), False, None, "run")
    page = plots(curves_html([(0, snapshot), (1, snapshot)], ChartChoice()))
    lines = "() => [...document.querySelectorAll('.curve')].filter((l) => !l.style.display).map((l) => l.dataset.name)"
    page.click("[data-series=A]")
    assert page.evaluate(lines) == 2 * ["B train", "B test"]  # in both plots
    assert not page.is_visible(".mark.run-0") and page.is_visible(".mark.run-1")
    page.click("[data-series=train]")
    assert page.evaluate(lines) == 2 * ["B test"]
    page.click("[data-series=A]")
    assert page.evaluate(lines) == 2 * ["A test", "B test"]


def saved(page, kind, chart="loss"):
    page.click(f"#{chart} .chart-more")
    with page.expect_download() as download:
        page.click(f".chart-menu >> text=Save as {kind}")
    assert download.value.suggested_filename == f"runs-loss-cross-entropy.{kind.lower()}"
    return download.value.path()


def test_a_plot_is_saved_as_what_is_drawn(plots, run, tmp_path):
    page = plots(html_of(run))
    rows = list(csv.reader(saved(page, "CSV").read_text().splitlines()))
    assert rows[0] == ["series", "epoch", LOSS] and {row[0] for row in rows[1:]} == {"train", "test"}
    told = {round(float(x) * STEPS): float(y) for name, x, y in rows[1:] if name == "train"}
    assert told == {step: four_digits(line["train_loss"]) for step, line in logged(run).items()}
    page.click("#loss [data-series=test]")
    svg = ElementTree.parse(saved(page, "SVG")).getroot()
    drawn = svg.findall(".//{*}polyline")
    x, y = map(float, drawn[0].get("points").split()[-1].split(","))
    assert len(drawn) == 1 and x == pytest.approx(324 / 2, abs=0.1)  # of the plot's width; half of the run is done
    assert y == pytest.approx(194 * (1 - logged(run)[40]["train_loss"] / 2), abs=0.1)
    assert {LOSS, "── train"} <= {text.text for text in svg.findall("{*}text")}
    with Image.open(saved(page, "PNG")) as image:
        assert image.size[0] == 1200 and len(image.convert("RGB").getcolors(1 << 20)) > 10


def test_a_series_is_never_a_formula(plots, run):
    page = plots(html_of(run).replace('data-name="train"', 'data-name="=1+1"'))
    assert saved(page, "CSV").read_text().splitlines()[1].startswith('"\'=1+1",')


def test_full_size_and_back(plots, run):
    for step in range(42, 80, 2):
        run.append(point(step))
    page = plots(html_of(run))
    before = page.locator("#loss .chart > svg").bounding_box()["width"]
    page.click("#loss .chart-more")
    page.click("text=Full size")
    page.wait_for_function("document.fullscreenElement?.matches('#loss .chart')")
    assert page.locator("#loss .chart > svg").bounding_box()["width"] > 1.5 * before
    for step in (2, 14, 76):  # near both ends: the drawing is in the middle of a wider place
        page.mouse.move(*spot(page, "loss", step / (8 * STEPS)))
        assert_values_at(page, run, step)
        line, values = (page.locator(f"#loss {part}").bounding_box() for part in (".cross >> nth=0", ".chart-values"))
        beside = values["x"] - line["x"] if step < 76 else line["x"] - values["x"] - values["width"]
        assert beside == pytest.approx(12, abs=2)
    page.click("#loss .chart-more")
    page.click("text=Usual size")
    page.wait_for_function("document.fullscreenElement === null")


def test_a_menu_that_is_taken_away_with_what_was_drawn_anew_comes_back(plots, run):
    page = plots(html_of(run))
    page.click("#loss .chart-more")
    page.wait_for_selector(".chart-menu:popover-open")
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.textContent")
    page.evaluate("document.querySelector('.chart-menu').remove()")  # as Gradio does in full size
    page.wait_for_selector(".chart-menu:popover-open")
    assert page.evaluate("document.activeElement.textContent") == focused
    page.keyboard.press("Escape")
    page.wait_for_selector(".chart-menu:popover-open", state="hidden")
    page.evaluate("document.querySelector('.chart-menu').remove()")
    page.wait_for_timeout(200)
    assert not page.query_selector(".chart-menu")


ENDS = """() => ['loss', 'accuracy'].map((name) => document.querySelector(`#${name}-chart .plot`)).map((plot) => {
    const [left, , width] = plot.getAttribute('viewBox').split(' ').map(Number);
    return [left, left + width].map((end) => Number(end.toFixed(2)));
})"""


def test_a_range_is_zoomed_into_and_back(app, run, open_page):
    """By dragging, by keys and by a double click; in all plots of the tab, and nothing else moves."""
    with app.running():
        page = open_page(app.url)
        page.wait_for_selector("#loss-chart polyline.train")
        assert page.evaluate(ENDS) == 2 * [[0, 8]]
        page.mouse.move(*spot(page, "loss-chart", -0.05))  # beside the axis there is no range
        page.mouse.down()
        page.mouse.move(*spot(page, "loss-chart", -0.01))
        page.mouse.up()
        page.mouse.move(*spot(page, "loss-chart", 0.25))
        page.mouse.down()
        page.mouse.move(*spot(page, "loss-chart", 0.4))
        page.mouse.move(*spot(page, "loss-chart", 0.5))
        page.wait_for_selector("#loss-chart .cross.picked", state="attached")
        page.mouse.up()
        page.wait_for_function(f"JSON.stringify(({ENDS})()) !== '[[0,8],[0,8]]'")
        assert page.evaluate(ENDS) == 2 * [pytest.approx([2, 4], abs=0.05)]
        page.wait_for_selector("#accuracy-chart .plot[overflow=hidden]", state="attached")
        page.mouse.move(*spot(page, "loss-chart", 0.5))
        assert_values_at_step(page, run, 30)
        page.keyboard.press("+")
        page.wait_for_function(f"Math.abs(({ENDS})()[0][0] - 2.5) < 0.05")
        page.keyboard.press("Escape")
        page.wait_for_function(f"JSON.stringify(({ENDS})()) === '[[0,8],[0,8]]'")
        page.click("#loss-chart .chart-more")
        page.click(".chart-menu >> text=Zoom in")
        page.wait_for_function(f"JSON.stringify(({ENDS})()) === '[[2,6],[2,6]]'")
        page.mouse.dblclick(*spot(page, "accuracy-chart", 0.5))
        page.wait_for_function(f"JSON.stringify(({ENDS})()) === '[[0,8],[0,8]]'")


def test_who_draws_the_plot_anew_does_not_take_the_cross_hair_away(app, run, open_page):
    """The app's own page, whose server sends the curves again as the log grows."""
    with app.running():
        page = open_page(app.url)
        page.wait_for_selector("#loss-chart polyline.train")
        box = page.locator("#loss-chart .chart > svg").bounding_box()
        page.click("#accuracy-chart [data-series=test]")
        page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.4)
        page.wait_for_selector(".chart-values")
        before = page.evaluate(VALUES)
        assert set(before) == {LOSS, ACCURACY}  # the other plots are folded away
        run.append(evaluated(50))
        page.wait_for_function(
            "document.querySelector('#loss-chart polyline.test').getAttribute('points').split(' ').length === 5"
        )
        assert page.evaluate(VALUES) == before and page.locator("#loss-chart line.cross").count() == 1
        assert not page.is_visible("#accuracy-chart polyline.test") and page.is_visible("#loss-chart polyline.test")

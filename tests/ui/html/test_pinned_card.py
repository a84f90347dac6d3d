"""The pinned image in words and curves, in each state of a run, for owner and visitor."""

from xml.etree import ElementTree

import pytest
from PIL import Image

from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.fold import fold
from resnet_demo.runs.pinned import PinnedImage
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.worker_files import Progress
from resnet_demo.ui.html.curves import ChartChoice
from resnet_demo.ui.html.pinned_card import pinned_html, probability_chart, whole_percent

IMAGE = PinnedImage("a", Image.new("RGB", (32, 32), "teal"))
PLACE = {"time": 1.0, "epoch": 1, "images_seen": 0, "elapsed_s": 0.0}


@pytest.fixture
def run(tmp_path):
    return RunStore(tmp_path).create(preset_config("fast"))


def started(classes=("cat", "dog", "ship")):
    return events.RunStarted(
        **PLACE, step=0, epochs=8, steps_per_epoch=10, train_images=100, validation_images=0, test_images=10,
        classes=classes, device="CPU",
    )  # fmt: skip


def seen(step, *probabilities, image="a"):
    return events.PredictionLogged(
        **PLACE | {"elapsed_s": step * 2.0}, step=step, image=image, probabilities=probabilities
    )


def ended(outcome):
    return events.RunEnded(**PLACE, step=80, outcome=outcome)


def snapshot(run, *log, pinned=IMAGE, alive=False):
    return Snapshot(run, run.config(), fold(log), alive, Progress("training") if alive else None, "run", pinned=pinned)


CHANGING = (seen(0, 0.5, 0.3, 0.2), seen(5, 0.3, 0.5, 0.2), seen(12, 0.4, 0.3, 0.3), seen(21, 0.1, 0.713, 0.187))


def curves(chart):
    return {line.get("class"): line for line in ElementTree.fromstring(chart).findall(".//polyline")}


# --- in words ---------------------------------------------------------------------------------------------------


def test_before_an_image_is_pinned_it_is_said_what_will_appear_and_how(run):
    for nothing in (None, snapshot(run, started(), pinned=None)):
        assert "Drop one below" in pinned_html(nothing) and "Follow the prediction" in pinned_html(nothing)
        assert "Drop" not in pinned_html(nothing, owner=False) and "owner pins" in pinned_html(nothing, owner=False)
        assert "its answers, one by one" in probability_chart(nothing)


@pytest.mark.parametrize(
    ("log", "alive", "words"),
    [
        ([], True, "asked from its next step on"),
        ([started()], True, "asked from its next step on"),
        ([started()], False, "when the run goes on"),
        ([started(), events.RunPaused(**PLACE, step=1)], False, "when the run goes on"),
        ([started(), ended("finished")], False, "ended before the network was asked"),
        ([started(), seen(1, 0.5, 0.3, 0.2, image="an earlier one")], True, "asked from its next step on"),
    ],
)
def test_before_the_first_answer_it_is_said_when_it_comes(run, log, alive, words):
    assert words in pinned_html(snapshot(run, *log, alive=alive))


@pytest.mark.parametrize(
    ("last", "alive", "when"),
    [
        ([], True, "Now"),
        ([], False, "So far"),
        ([ended("finished")], False, "In the end"),
        ([ended("failed")], False, "So far"),
    ],
)
def test_the_opinion_and_how_it_came_about(run, last, alive, when):
    html = pinned_html(snapshot(run, started(), *CHANGING, *last, alive=alive))
    assert f"{when}: <b>dog</b>, 71\u00a0%" in html and "Then ship with 19\u00a0%, cat with 10\u00a0%." in html
    assert "prediction changed 3 times, last at epoch 2.1; before that it was cat" in html


def test_a_prediction_that_never_changed(run):
    assert "from the first answer on" in pinned_html(snapshot(run, started(), CHANGING[0]))
    assert "prediction changed once" in pinned_html(snapshot(run, started(), *CHANGING[:2]))


def test_a_visitor_sees_the_image_inside_the_page_and_cannot_remove_it(run):
    seen_by = {owner: pinned_html(snapshot(run, started(), *CHANGING), owner) for owner in (True, False)}
    assert all('src="data:image/png;base64,' in html and str(run.path) not in html for html in seen_by.values())
    assert "data-unpin" in seen_by[True] and "data-unpin" not in seen_by[False]


def test_a_damaged_file_is_one_sentence_and_can_be_removed(run):
    html = pinned_html(snapshot(run, started(), pinned=PinnedImage("damaged", None)))
    assert "cannot be read" in html and "<img" not in html and "data-unpin" in html


def test_names_of_classes_are_escaped(run):
    log = [started(("<b>a", "<i>b")), seen(0, 0.9, 0.1), seen(1, 0.1, 0.9)]
    for html in (pinned_html(snapshot(run, *log)), probability_chart(snapshot(run, *log))):
        assert "<b>a" not in html and "<i>b" not in html and "&lt;b&gt;a" in html


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, "0 %"), (0.713, "71 %"), (0.9949, "99 %"), (0.998, "over 99 %"), (1.0, "100 %")]
)
def test_shares_are_whole_and_nothing_uncertain_is_called_certain(share, text):
    assert whole_percent(share).replace("\u00a0", " ") == text


# --- in curves --------------------------------------------------------------------------------------------------


def test_what_was_ever_on_top_has_a_colour_and_its_name_and_the_rest_is_faint(run):
    chart = probability_chart(snapshot(run, started(), *CHANGING))
    assert set(curves(chart)) == {"curve class-1", "curve class-2 now", "curve faint"}
    names = {text.text: text.get("class") for text in ElementTree.fromstring(chart).findall(".//text") if text.text}
    assert names["cat"] == "name class-1" and names["dog"] == "name class-2 now" and "ship" not in names
    assert all(len(line.get("points").split()) == 4 for line in curves(chart).values())


def test_only_the_image_that_is_pinned_now_is_drawn(run):
    log = [started(), seen(1, 0.1, 0.1, 0.8, image="an earlier one"), *CHANGING]
    assert probability_chart(snapshot(run, *log)) == probability_chart(snapshot(run, started(), *CHANGING))
    assert curves(probability_chart(snapshot(run, *log, pinned=None))) == {}


def test_at_most_five_have_a_colour_and_the_present_one_is_among_them(run):
    classes = tuple(f"class {i}" for i in range(40))

    def on_top(step, best):
        return seen(step, *(0.5 if i == best else 0.5 / 39 for i in range(40)))

    log = [on_top(step, step // 3) for step in range(1, 30)] + [on_top(30, 39)]
    chart = probability_chart(snapshot(run, started(classes), *log))
    drawn = ElementTree.fromstring(chart).findall(".//polyline")
    kinds = [line.get("class") for line in drawn]
    assert len([kind for kind in kinds if "class-" in kind]) == 5 and kinds.count("curve faint") == 10
    assert "curve class-5 now" in kinds and ">class 39</text>" in chart


def test_a_class_keeps_its_colour_while_the_run_goes_on(run):
    for answers in range(2, 5):
        chart = probability_chart(snapshot(run, started(), *CHANGING[:answers]))
        assert any(text.get("class").startswith("name class-1") and text.text == "cat"
                   for text in ElementTree.fromstring(chart).findall(".//text"))  # fmt: skip


@pytest.mark.parametrize("by", ["epoch", "step", "time"])
def test_the_axis_grows_with_the_run(run, by):
    early, late = (probability_chart(snapshot(run, started(), *CHANGING[:n]), ChartChoice(by=by)) for n in (2, 4))
    spans = [
        float(ElementTree.fromstring(c).find(".//svg[@class='plot']").get("viewBox").split()[2]) for c in (early, late)
    ]
    ends = [float(curves(c)["curve faint"].get("points").split()[-1].split(",")[0]) for c in (early, late)]
    assert spans[0] < spans[1] and all(end > 0.6 * span for end, span in zip(ends, spans, strict=True))


def test_the_image_of_a_shipped_run_cannot_be_removed(run):
    run.is_shipped = True
    html = pinned_html(snapshot(run, started(), seen(3, 0.2, 0.7, 0.1)), owner=True)
    assert "In the end" in html or "So far" in html
    assert "data-unpin" not in html

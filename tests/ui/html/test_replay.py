"""Which run is played where there is none of one's own, and what the page is sent of it."""

import json
import re
from xml.etree import ElementTree

import pytest

from resnet_demo.runs.config import preset_config
from resnet_demo.runs.example_predictions import FILE_NAME
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Watcher
from resnet_demo.ui.html.replay import MOST_ANSWERS, MOST_POINTS, recording_of, replay_html
from tests.support.recordings import EPOCHS, make_recording

DIGITS = tuple("0123456789")


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs", tmp_path / "shipped")


def recording(store):
    return recording_of(Watcher(store).snapshot())


def parsed(html):
    root = ElementTree.fromstring(html.replace("hidden>", 'hidden="">').replace("data-play>", 'data-play="">'))
    return root, json.loads(root.get("data-recording"))


def test_cifar10_with_answers_about_the_examples_comes_first(store):
    assert recording(store) is None
    make_recording(store.shipped, "a", examples=False)
    make_recording(store.shipped, "b", DIGITS, examples=False)
    assert recording(store).run.id == "b"  # the newer one
    make_recording(store.shipped, "a-with")
    make_recording(store.shipped, "c", DIGITS, examples=False)
    assert recording(store).run.id == "a-with"


def test_nothing_is_played_beside_a_run_of_ones_own_or_where_a_run_was_chosen(store):
    run = make_recording(store.shipped, "gift")
    assert recording_of(Watcher(store).snapshot(), run.id) is None
    store.create(preset_config("fast"))
    assert recording(store) is None
    assert replay_html(None) == ""


def test_it_says_that_it_is_a_recording_of_what_where_and_when(store):
    make_recording(store.shipped, "gift")
    html = replay_html(recording(store))
    for said in ("Recording", "ResNet-20 learns CIFAR-10", "1 h 06 min on CPU, 3 threads", "played in 20 s"):
        assert said in html


def test_it_stands_at_the_end_of_the_run_and_carries_all_that_was_before(store):
    make_recording(store.shipped, "gift")
    html = replay_html(recording(store))
    assert html.count('class="right"') == 10 and "<b data-right>10</b> of 10 right" in html
    data = json.loads(html.partition("data-recording='")[2].partition("'")[0])
    assert data["accuracies"] == [[epoch / EPOCHS, epoch / EPOCHS] for epoch in range(1, EPOCHS + 1)]
    assert [when for when, _ in data["examples"]] == [0.25, 0.5, 0.75, 1.0]
    assert data["examples"][1][1]["cat"] == ["ship", 0.5] and data["examples"][2][1]["cat"] == ["cat", 0.75]
    assert len(data["answers"]) <= MOST_ANSWERS + 1 and data["answers"][-1] == [1.0, [1.0, *[0.0] * 9]]
    lines = re.findall('class="curve train"[^>]* points="([^"]*)"', html)
    assert len(lines) == 2 and all(1 < len(line.split()) <= MOST_POINTS + 1 for line in lines)
    assert len(html) < 100_000


def test_without_answers_about_the_examples_the_curves_are_played_alone(store):
    make_recording(store.shipped, "gift", DIGITS, examples=False)
    html = replay_html(recording(store))
    assert "data-shows" not in html and 'class="curve train"' in html and "One image" in html


def test_a_damaged_file_is_said_and_not_hidden(store):
    run = make_recording(store.shipped, "gift")
    (run.path / FILE_NAME).write_text("{}", encoding="utf-8")
    assert "of the run 'gift' is damaged" in replay_html(recording(store)).replace("&#x27;", "'")


def test_a_class_may_be_called_anything(store):
    names = ("it's", 'a "b"', "<c>&amp;", *"3456789")
    make_recording(store.shipped, "gift", names, examples=False)
    html = replay_html(recording(store))
    _, data = parsed(html[: html.index(">") + 1].replace(">", "/>"))
    assert tuple(data["classes"]) == names

"""The walk as its buttons call it: what a step chooses and draws, and what a raw request gets."""

import re

import gradio as gr
import pytest
from PIL import Image

from resnet_demo.runs.measured import BlockAblation
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.walk import STEPS
from resnet_demo.ui.tabs.architecture import build_architecture_tab
from resnet_demo.ui.tabs.blocks import Asked
from resnet_demo.ui.tabs.network_drawing import draw_named
from tests.support.asking import run_now
from tests.support.checkpoints import DIGITS, make_run

NOTHING = ["", None, "", "", ""]  # run, upload, example, off, opened


@pytest.fixture
def page():
    return gr.Blocks()


@pytest.fixture
def tab(page, tmp_path):
    with page:
        tab = build_architecture_tab(Backend.over(RunStore(tmp_path / "runs"), tmp_path / "data"))
        tab.wire(page, *(gr.Textbox("", visible="hidden") for _ in range(2)))
    return tab


def go(tab, step, asked=NOTHING):
    """The card, then what was chosen and drawn, what it is compared with, and the row of blocks."""
    card, *rest = tab.walk.go(step if isinstance(step, str) else str(step), *asked)
    chosen, beside, switched = rest[: len(tab.named)], rest[len(tab.named) : -4], rest[-4:]
    return card, [one["value"] if isinstance(one, dict) and "value" in one else one for one in chosen], beside, switched


@pytest.mark.parametrize("number", range(1, len(STEPS)))
def test_a_step_sets_what_it_speaks_of(tab, number):
    drawn = STEPS[number - 1].drawn
    card, chosen, beside, switched = go(tab, number)
    assert f"Step {number} of {len(STEPS)}" in card
    assert chosen[:5] == [drawn.network.arch, 32, drawn.network.stem, drawn.network.shortcut, drawn.opened]
    assert drawn.network.architecture.label in chosen[5]
    assert beside[:2] == [drawn.beside.arch, drawn.beside.stem]
    names = (f"{one.architecture.label}, stem {one.stem}" for one in (drawn.network, drawn.beside))
    assert all(name in beside[2] for name in names)
    assert switched == [gr.skip()] * 4


def test_the_last_step_switches_off_the_block_that_is_needed_most(tab):
    run = make_run(tab.blocks.backend.store, "digits", DIGITS)
    digest = run.model_info().digest
    BlockAblation(digest, "digits", 297, 0.9, {"layer1.1": 0.8, "layer2.1": 0.2}).save(run)
    card, chosen, beside, (off, opened, example, _) = go(tab, len(STEPS), [run.id, *NOTHING[1:]])
    assert "<b>layer2.1</b>" in card and "20.0 %" in card and "80.0 %" in card
    assert (off, opened) == ("layer2.1", "") and "this one needs it most" in card
    falls = [fall(tab, [run.id, None, f"digit-{digit}", off, ""]) for digit in range(10)]
    assert falls.index(max(falls)) == int(example.removeprefix("digit-"))
    assert chosen == [gr.skip()] * len(tab.named) and beside == [gr.skip()] * 3


def fall(tab, asked) -> float:
    """What the probability of the whole network's answer loses by what is off, as the row draws it: the bar's end and
    the mark's place."""
    row, _ = tab.blocks.draw(Asked(*asked))
    marks = [float(left) for left in re.findall(r'<i style="left:([\d.]+)%"', row)]
    bars = [float(width) for width in re.findall(r'<span style="width:([\d.]+)%"', row)]
    first = marks.index(max(marks))
    return marks[first] - bars[first]


def test_the_last_step_without_a_measurement_and_without_a_checkpoint(tab):
    run = make_run(tab.blocks.backend.store, "digits", DIGITS)
    card, _, _, (off, *_) = go(tab, len(STEPS), [run.id, *NOTHING[1:]])
    assert off == "layer3.0" and f"<b>{off}</b>" in card
    card, _, _, switched = go(tab, len(STEPS))
    assert "No run has a checkpoint yet" in card and switched == [gr.skip()] * 4


def test_an_image_of_the_visitors_own_stays(tab, tmp_path, monkeypatch):
    run = make_run(tab.blocks.backend.store, "digits", DIGITS)
    monkeypatch.setattr(tab.blocks.upload, "GRADIO_CACHE", str(tmp_path))
    (tmp_path / "image").mkdir()
    path = tmp_path / "image" / "mine.png"
    Image.new("RGB", (32, 32), "red").save(path)
    upload = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
    card, _, _, (off, _, example, _) = go(tab, len(STEPS), [run.id, upload, "", "", ""])
    assert "this one needs it most" not in card and example == ""
    assert "blocks-answer" in tab.blocks.draw(Asked(run.id, upload, example, off, ""))[0]


def test_the_end_leaves_everything_as_it_is(tab):
    card, chosen, beside, switched = go(tab, "")
    assert "data-target" not in card and 'data-step="1"' in card
    assert [*chosen, *beside, *switched] == [gr.skip()] * (len(tab.named) + 7)


@pytest.mark.parametrize("step", ["0", "-1", "8", "01", "one"])
def test_there_is_no_other_step(tab, step):
    with pytest.raises(gr.Error, match="no such step"):
        go(tab, step)


def test_a_raw_request_gets_a_sentence(serve):
    with serve() as (url, _):
        answer = run_now(url, "architecture_walk", ["9", *NOTHING])
        assert "no such step" in answer.text and "Traceback" not in answer.text


def test_an_address_with_a_step_draws_what_the_step_draws(tab):
    """Whichever of the three that draw then comes last: the page's load, the address, the step itself."""
    drawn = STEPS[2].drawn
    named = draw_named("resnet20", "cifar", "A", 64, step="3")
    assert [named[0], named[1], named[4]] == [drawn.network.arch, 32, drawn.opened]
    assert named[5:] == go(tab, 3)[1][5:]
    assert draw_named("resnet20", "cifar", "A", 64, step="99")[:2] == ["resnet20", 64]
    assert draw_named("resnet20", "cifar", "A", 64, step=str(len(STEPS)))[:2] == ["resnet20", 64]  # which draws nothing


@pytest.mark.parametrize("part", ["row", "opened block"])
def test_what_comes_with_an_answer_is_not_asked_for_again(page, tab, part):
    """Nothing that a handler fills together with the part leads to another answer for it."""
    drawn = tab.blocks.row if part == "row" else tab.drawings[2]
    fillers = [fn for fn in page.fns.values() if drawn in fn.outputs and fn.fn]
    filled = {one._id for fn in fillers for one in fn.outputs}
    asking = {one for fn in fillers for one, event in fn.targets if event == "change"}
    assert asking and not asking & filled
    assert len(fillers) == 1 if part == "row" else len(fillers) >= 5  # one filler: no answer comes late

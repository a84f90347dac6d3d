"""The blocks of a checkpoint over HTTP: a click switches one off, the owner measures, and foreign values do no harm."""

import gradio as gr

from resnet_demo.runs.directory import SHIPPED
from resnet_demo.runs.measured import BlockAblation
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.access import Access
from resnet_demo.ui.tabs.blocks import Asked, BlocksPanel
from resnet_demo.ui.tabs.checkpoint_choice import checkpoint_dropdown, refreshed
from tests.support.asking import post, run_now
from tests.support.checkpoints import DIGITS, INFO, make_run
from tests.support.waiting import wait_for

TOKEN = "a-token-for-the-owner"
NOTHING = [None, "", "", ""]  # upload, example, off, opened


def drawn(url, asked):
    """The row of blocks and the maps of the opened one."""
    return run_now(url, "blocks", asked).json()["data"][1:3]


def test_an_example_passes_the_checkpoints_blocks(serve):
    with serve() as (url, backend):
        run = make_run(backend.store, "digits", DIGITS)
        answer = run_now(url, "blocks", [run.id, *NOTHING])
        assert answer.status_code == 200
        examples, row, maps = answer.json()["data"][:3]
        assert examples.count("data-example=") == 10 and examples.count('aria-pressed="true"') == 1
        assert maps == ""
        assert row.count("data-block=") == 8 and "all 8 blocks are on" in row
        row, maps = drawn(url, [run.id, None, "digit-3", "layer1.1,layer3.0", "layer2.0"])
        assert row.count('aria-pressed="true"') == 2 and "without 2 of 8 blocks" in row
        assert maps.count("<img") == 24


def test_the_row_has_those_off_that_are_named(serve):
    with serve() as (_, backend):
        run = make_run(backend.store, "digits", DIGITS)
        with gr.Blocks():
            panel = BlocksPanel(backend)
        row, maps = panel.draw(Asked(run.id, None, "", "layer1.0", "layer1.0"))
        assert 'data-block="layer1.0" aria-pressed="true"' in row and "layer1.0" in maps
        row, maps = panel.draw(Asked(run.id, None, "", "", "layer1.0"))
        assert 'aria-pressed="true"' not in row and "layer1.0" in maps


def test_only_the_owner_measures_and_the_row_then_tells(serve):
    with serve(Access(TOKEN)) as (url, backend):
        run = make_run(backend.store, "digits", DIGITS)
        for handler in ("measure_blocks", "cancel_blocks"):
            assert post(url, handler, [run.id])[0] == "error"
        assert not backend.evaluations.state.running
        assert post(url, "measure_blocks", [run.id], token=TOKEN)[0] == "complete"
        wait_for(lambda: not backend.evaluations.state.running, "the measurement's end", 120)
        assert BlockAblation.load(run).images == 297
        row, _ = drawn(url, [run.id, *NOTHING])
        assert row.count('class="blocks-loss"') == 8


def test_a_measurement_of_other_weights_is_not_shown(serve):
    with serve() as (url, backend):
        run = make_run(backend.store, "digits", DIGITS)
        backend.evaluations.start(run, "blocks")
        wait_for(lambda: not backend.evaluations.state.running, "the measurement's end", 120)
        found = BlockAblation.load(run)
        make_other_weights(run)
        assert BlockAblation.load(run) == found
        row, _ = drawn(url, [run.id, *NOTHING])
        assert "blocks-loss" not in row


def make_other_weights(run):
    from resnet_demo.models.checkpoint import save_model
    from tests.support.checkpoints import network

    save_model(run.model_path, network(5, 10), DIGITS)


def test_what_is_no_run_and_no_image_is_a_sentence(serve):
    with serve() as (url, backend):
        for chosen in (None, "../x"):
            row, maps = drawn(url, [chosen, *NOTHING])
            assert "No run has a checkpoint" in row and maps == ""
        run = make_run(backend.store, "animals", INFO)
        row, _ = drawn(url, [run.id, {"path": "/etc/passwd"}, "", "", ""])
        assert "not uploaded here" in row
        row, _ = drawn(url, [run.id, None, "no such example", "no,such,block", "x"])
        assert "all 8 blocks are on" in row


def test_the_checkpoint_that_answers_by_default_is_chosen_first(tmp_path):
    """Not the newest of the small ones that come along."""
    store = RunStore(tmp_path, SHIPPED)
    latest = store.latest_model().id
    assert checkpoint_dropdown(store).value == refreshed(store, "gone").value == refreshed(store, None).value == latest
    assert (
        checkpoint_dropdown(store, optional=True).value == "" and checkpoint_dropdown(RunStore(tmp_path)).value is None
    )


def test_what_is_chosen_is_not_sent_again(serve):
    """By the time that the list arrives another may be chosen in the page."""
    with serve() as (url, backend):
        runs = [make_run(backend.store, name, DIGITS).id for name in ("one", "two")]
        (listed,) = run_now(url, "refresh_blocks", [runs[0]]).json()["data"]
        assert {value for _, value in listed["choices"]} == set(runs) and "value" not in listed
        (listed,) = run_now(url, "refresh_blocks", ["gone"]).json()["data"]
        assert listed["value"] == backend.store.latest_model().id

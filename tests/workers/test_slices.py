"""Training in slices is training: k slices are one run, and a slice that breaks off has saved."""

import signal
import subprocess
from dataclasses import replace
from itertools import pairwise

import pytest

from resnet_demo.runs import events
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.training.resume_state import load_state
from resnet_demo.workers import slices
from resnet_demo.workers.slices import SliceError, prepare_slices, train_for
from resnet_demo.workers.worker import Worker
from tests.support.states import assert_equal_states
from tests.support.ticks import Clock
from tests.support.workers import curves


@pytest.fixture
def config(tiny_config):
    return replace(tiny_config, arch="resnet20", threads=1, epochs=2, validation_images=0)


@pytest.fixture
def run(store, config):
    return store.create(config)


@pytest.fixture
def dataset(config, tmp_path):
    return prepare_slices(config, tmp_path)


@pytest.fixture
def ticking(monkeypatch):
    monkeypatch.setattr(slices, "time", Clock())


def finish(run, dataset, seconds):
    """All slices; returns how many it took."""
    for count in range(1, 20):
        *_, last = train_for(run, dataset, seconds)
        if isinstance(last, events.RunEnded):
            assert last.outcome == "finished"
            return count
        assert isinstance(last, events.RunPaused) and run.view().paused
    raise AssertionError("it never ends")


def test_slices_are_one_run_bit_for_bit(run, store, config, dataset, tmp_path, ticking):
    assert finish(run, dataset, 12) >= 3
    whole = store.create(config)
    list(Worker(whole, tmp_path).work())
    assert curves(run.view()) == curves(whole.view())
    from safetensors.torch import load_file

    ours, theirs = load_file(run.model_path), load_file(whole.model_path)
    assert_equal_states(dict(ours), dict(theirs))


def test_a_slice_that_is_closed_early_has_saved_where_it_was(run, dataset, ticking):
    work = train_for(run, dataset, 1000)
    reached = next(event.step for event in work if isinstance(event, events.StepEnded))
    work.close()
    view = run.view()
    assert view.paused and view.saved.step >= reached and load_state(run.state_path)["step"] == view.saved.step
    assert not run.is_alive() and run.can_resume(view)


def test_a_second_has_one_event_and_the_last_comes_always(run, dataset, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(slices, "time", clock)
    monkeypatch.setattr(slices, "YIELD_EVERY_S", 4.0)
    told = []
    for event in train_for(run, dataset, 1000):
        told.append((clock.now, event))
    moments = [moment for moment, _ in told[:-1]]
    assert all(later - earlier >= 4 for earlier, later in pairwise(moments))
    assert isinstance(told[-1][1], events.RunEnded) and len(told) > 2


def test_a_slice_starts_no_process_and_handles_no_signal(run, dataset, ticking, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("not within a slice")

    for module, name in ((subprocess, "Popen"), (signal, "signal"), (__import__("os"), "fork")):
        monkeypatch.setattr(module, name, refuse)
    *_, last = train_for(run, dataset, 6)
    assert isinstance(last, events.RunPaused)
    assert run.environment()["threads"] == 1


def test_what_a_person_asks_for_counts_within_a_slice(run, dataset, ticking):
    work = train_for(run, dataset, 1000)
    next(event for event in work if isinstance(event, events.StepEnded))
    run.request("stop")
    *_, last = work
    assert last.outcome == "stopped" and RunDirectory(run.path).state_path.exists()


@pytest.mark.parametrize("change", [{"compile": True}, {"processes": 2}])
def test_what_would_start_processes_is_refused_before_a_slice_is_paid(config, tmp_path, change):
    with pytest.raises(SliceError, match="no other process"):
        prepare_slices(replace(config, **change), tmp_path)

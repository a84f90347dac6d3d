"""Visitors' runs: a folder each, limits, and the day on which they go."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest

from resnet_demo.runs import events, visitors
from resnet_demo.runs.config import TORCHVISION
from resnet_demo.runs.deletion import delete_run
from resnet_demo.runs.directory import RunDirectory, RunError
from resnet_demo.runs.keep import KEEP_VARIABLE, Keep
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.visitors import KEPT_S, MAX_EPOCHS, VisitorError, VisitorStore, VisitorWatcher, sweep
from resnet_demo.runs.watcher import NEWEST, Watcher
from tests.support.checkpoints import make_run

PLACE = {"time": 1.0, "epoch": 1, "step": 3, "images_seen": 48, "elapsed_s": 2.0}


@pytest.fixture
def anna(store):
    return VisitorStore(store, "anna")


@pytest.fixture
def bert(store):
    return VisitorStore(store, "bert")


def end(run: RunDirectory) -> None:
    run.append(events.RunEnded(**PLACE, outcome="stopped"))


def test_a_visitor_sees_their_own_run_and_the_spaces_and_no_other(store, anna, bert, tiny_config):
    of_space, of_anna = store.create(tiny_config, "of-space"), anna.create(tiny_config, "of-anna")
    bert.create(tiny_config)
    assert set(anna.all_runs()) == {of_anna, of_space} and anna.runs() == [of_anna]
    assert store.all_runs() == [of_space]
    assert anna.get_own(of_anna.id) == of_anna


def test_the_spaces_runs_are_only_looked_at(store, anna, tiny_config):
    of_space = store.create(replace(tiny_config, arch="resnet20"))
    assert anna.get(of_space.id) == of_space
    with pytest.raises(RunError, match="not yours"):
        anna.get_own(of_space.id)
    with pytest.raises(RunError, match="no such run"):
        delete_run(anna, of_space)
    assert of_space.exists()


def test_a_run_that_came_with_the_project_is_nobodys(tmp_path, tiny_config):
    RunStore(tmp_path / "shipped").create(tiny_config, "run")
    with pytest.raises(RunError, match="came with resnet_demo"):
        RunStore(tmp_path / "runs", tmp_path / "shipped").get_own("run")


def test_a_visitors_checkpoint_answers_before_the_spaces(store, anna):
    of_space = make_run(store, "of-space")
    assert anna.latest_model() == of_space
    of_anna = make_run(anna, "of-anna")
    assert anna.latest_model() == of_anna and store.latest_model() == of_space


def test_one_run_each_and_a_new_one_takes_the_place_of_one_that_has_ended(anna, tiny_config):
    first = anna.create(tiny_config)
    with pytest.raises(VisitorError, match="has not ended"):
        anna.create(tiny_config)
    end(first)
    second = anna.create(tiny_config, "second")
    assert anna.runs() == [second] and not first.exists()


def test_two_tabs_of_one_visitor_get_one_run(store, tiny_config, monkeypatch):
    both = threading.Barrier(2)

    def meet(_):  # between the check and the creation
        with suppress(threading.BrokenBarrierError):
            both.wait(1)

    monkeypatch.setattr(visitors, "sweep", meet)
    with ThreadPoolExecutor(2) as tabs:
        starts = [tabs.submit(VisitorStore(store, "anna").create, tiny_config) for _ in range(2)]
    problems = [start.exception() for start in starts]
    assert len(VisitorStore(store, "anna").runs()) == 1
    assert [type(problem) for problem in problems if problem] == [VisitorError]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"epochs": MAX_EPOCHS + 1}, "at most 30 epochs, not 31"),
        ({"arch": "resnet152"}, "at most the weights of a ResNet-50"),
        ({"start_from": TORCHVISION}, "random weights"),
        ({"start_from": "run:of-space"}, "random weights"),
    ],
)
def test_beyond_the_limits_nothing_is_made_and_nothing_is_deleted(anna, tiny_config, change, told):
    first = anna.create(replace(tiny_config, epochs=MAX_EPOCHS))
    end(first)
    with pytest.raises(VisitorError, match=told):
        anna.create(replace(tiny_config, **change))
    assert anna.runs() == [first]


def test_all_visitors_together_fill_neither_their_share_nor_the_disk(anna, bert, tiny_config, monkeypatch):
    anna.create(tiny_config)
    monkeypatch.setattr(visitors, "MAX_BYTES_IN_ALL", visitors.RUN_BYTES)
    with pytest.raises(VisitorError, match="no room"):
        bert.create(tiny_config)
    monkeypatch.undo()
    free = visitors.LEAST_FREE_BYTES + visitors.RUN_BYTES - 1
    monkeypatch.setattr(visitors.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    with pytest.raises(VisitorError, match="no room"):
        bert.create(tiny_config)
    assert bert.runs() == []


def age(run: RunDirectory, seconds: float) -> None:
    then = time.time() - seconds
    for path in (run.events_path, run.path, run.path.parent):
        os.utime(path, (then, then))


def test_what_was_not_trained_for_long_is_deleted(store, anna, bert, tiny_config):
    old, young, of_space = anna.create(tiny_config), bert.create(tiny_config), store.create(tiny_config)
    for run, seconds in ((old, KEPT_S + 60), (young, KEPT_S - 3600), (of_space, KEPT_S * 9)):
        run.append(events.RunPaused(**PLACE))
        age(run, seconds)
    sweep(store)
    assert not old.path.parent.exists() and young.exists() and of_space.exists()


def test_a_run_that_trains_is_not_deleted(store, anna, tiny_config):
    run = anna.create(tiny_config)
    run.append(events.RunPaused(**PLACE))
    with run.lock:
        age(run, KEPT_S + 60)
        sweep(store)
    assert run.exists()


def test_a_visitors_run_is_kept_nowhere_and_deletes_no_copy_of_another(store, anna, tiny_config, tmp_path, monkeypatch):
    monkeypatch.setenv(KEEP_VARIABLE, str(tmp_path / "bucket"))
    (tmp_path / "bucket").mkdir()
    of_space, of_anna = store.create(tiny_config, "same"), anna.create(tiny_config, "same")
    Keep.of(of_space).save(of_space)
    assert Keep.of(of_anna) is None
    delete_run(anna, of_anna)
    assert Keep.of_environment().run_ids() == ["same"]


def test_a_visitors_page_shows_their_run_first_and_waits_for_nobody_elses(store, anna, tiny_config):
    of_space = store.create(tiny_config, "of-space")
    watcher = VisitorWatcher(anna, Watcher(store))
    with of_space.lock:
        seen = watcher.snapshot(now=True)
        assert seen.current.run == of_space and seen.current.status.is_live
        assert not seen.training and not seen.is_own(seen.current)
        of_anna = anna.create(tiny_config, "of-anna")
        seen = watcher.snapshot(now=True)
        assert seen.shown(NEWEST).run == of_anna and seen.is_own(seen.current)
        assert [snapshot.run for snapshot in seen.runs] == [of_anna, of_space]
        with of_anna.lock:
            assert watcher.snapshot(now=True).training
    assert watcher.snapshot() is watcher.snapshot()

"""Who watches the runs is told of each change, once, and reads no more than has changed."""

import os
import shutil
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.pinned import pin, unpin
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import NEWEST, RunsSnapshot, Watcher
from resnet_demo.runs.worker_files import Progress
from tests.support.snapshots import (
    CONFIG,
    ENDED,
    EPOCH,
    METRIC,
    PLACE,
    changed,
    runs_snapshot,
    snapshot,
    started,
)


@pytest.fixture
def run(tmp_path):
    return RunStore(tmp_path).create(preset_config("fast", epochs=8))


def test_last_words_that_come_late_are_news(run, tmp_path):
    """torchrun tells of a death once the dead has let go of its lock."""
    watcher = Watcher(RunStore(tmp_path))
    run.append(METRIC)
    silent = watcher.snapshot(now=True)
    run.log_path.write_text("Killed\n")
    told = watcher.snapshot(now=True)
    assert silent.current.exit_reason == "" and told.current.exit_reason == "Killed"
    assert changed(silent, told) == {"states", "points", "status"}
    run.append(events.RunPaused(**PLACE))
    assert watcher.snapshot(now=True).current.exit_reason == ""


def test_each_part_of_a_page_is_told_when_it_has_something_new_to_show_and_only_then(run, tmp_path):
    watcher = Watcher(RunStore(tmp_path))
    with run.lock:
        snapshots = [watcher.snapshot(now=True), watcher.snapshot(now=True)]
        for tell in (
            lambda: run.append(started()),
            lambda: run.write_progress(Progress("training", 1, 10, time=5.0)),
            lambda: run.append(METRIC),
            lambda: run.append(replace(METRIC, time=METRIC.time + 2)),
            lambda: run.append(replace(METRIC, time=METRIC.time + 4)),
            lambda: run.append(EPOCH),
        ):
            tell()
            snapshots.append(watcher.snapshot(now=True))
    snapshots.append(watcher.snapshot(now=True))  # its process is gone
    everything = {"states", "points", "status"}
    assert [changed(*pair) for pair in pairwise(snapshots)] == [
        set(), {"status"}, everything, {"points", "status"}, {"status"}, {"points", "status"}, everything, everything
    ]  # fmt: skip


def test_the_checkpoints_version_changes_with_a_save_or_another_run_and_not_with_progress(run, tmp_path):
    watcher = Watcher(RunStore(tmp_path))
    run.append(started())
    before = watcher.snapshot(now=True).checkpoints
    run.append(METRIC)
    run.write_progress(Progress("training", time=5.0))
    assert watcher.snapshot(now=True).checkpoints == before
    run.append(events.CheckpointSaved(**PLACE))
    saved = watcher.snapshot(now=True).checkpoints
    run.append(events.CheckpointSaved(**PLACE | {"time": 2.0}))
    saved_again = watcher.snapshot(now=True).checkpoints
    RunStore(tmp_path).create(preset_config("tour"))
    assert len({before, saved, saved_again, watcher.snapshot(now=True).checkpoints}) == 4


def test_a_version_changes_with_the_pinned_image_and_its_answers(run, tmp_path):
    watcher = Watcher(RunStore(tmp_path))
    snapshots = [watcher.snapshot(now=True)]
    for colour in ("red", "green"):
        pin(run, Image.new("RGB", (32, 32), colour))
        snapshots.append(watcher.snapshot(now=True))
    run.append(events.PredictionLogged(**PLACE, image="a", probabilities=(0.4, 0.6)))
    snapshots.append(watcher.snapshot(now=True))
    unpin(run)
    snapshots.append(watcher.snapshot(now=True))
    assert all("points" in changed(*pair) for pair in pairwise(snapshots))
    assert changed(snapshots[-1], watcher.snapshot(now=True)) == set()


def test_looks_within_half_a_second_are_shared(run, tmp_path):
    watcher = Watcher(RunStore(tmp_path))
    assert watcher.snapshot() is watcher.snapshot()


def test_a_run_that_is_deleted_while_shown_disappears(run, tmp_path):
    watcher = Watcher(RunStore(tmp_path))
    assert watcher.snapshot(now=True).current.run == run
    for path in run.path.iterdir():
        path.unlink()
    run.path.rmdir()
    assert watcher.snapshot(now=True).current is None


def test_a_run_that_is_deleted_at_rest_is_not_mourned(run, tmp_path):
    watcher = Watcher(RunStore(tmp_path))
    watcher.snapshot(now=True)
    shutil.rmtree(run.path)
    assert watcher.snapshot(now=True).lost == ""


def test_in_front_is_who_trains_then_who_spoke_last_and_any_run_can_be_chosen(run, tmp_path):
    store = RunStore(tmp_path)
    other = store.create(preset_config("tour"))
    run.append(events.RunPaused(**PLACE | {"time": 2.0}))
    other.append(events.RunPaused(**PLACE | {"time": 3.0}))
    seen = Watcher(store).snapshot()
    assert seen.current.run == other and seen.shown(NEWEST).run == other
    assert seen.shown(run.id).run == run and seen.shown("gone").run == other
    here, there = seen.version_of(seen.shown(run.id)), seen.version_of(seen.shown(other.id))
    assert not set(here) & set(there)  # a page that turns to the other run asks for all of it
    store.put_last(run)
    run.append(events.RunResumed(**PLACE | {"time": 1.0}))  # by a clock that has gone back meanwhile
    assert Watcher(store).snapshot().current.run == run


def test_of_runs_of_before_the_one_that_spoke_last_is_in_front(run, tmp_path):
    """They have no number."""
    store = RunStore(tmp_path)
    other = store.create(preset_config("tour"))
    for old, said in ((run, 3.0), (other, 2.0)):
        old.append(events.RunPaused(**PLACE | {"time": said}))
        (old.path / "order.json").unlink()
    assert Watcher(store).snapshot().current.run == run


@pytest.fixture
def opened(monkeypatch):
    """The names of the files that have been read since it was last cleared."""
    names = []
    real = Path.open

    def note(path, *arguments, **named):
        names.append(path.name)
        return real(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", note)
    return names


def test_a_run_at_rest_is_read_once(tmp_path, opened):
    """Whatever its end; another that trains beside it is read each time."""
    store, watcher = RunStore(tmp_path), Watcher(RunStore(tmp_path))
    ends = [ENDED["finished"], ENDED["stopped"], ENDED["failed"], events.RunPaused(**PLACE), METRIC]
    runs = [store.create(CONFIG) for _ in ends]
    for run, end in zip(runs, ends, strict=True):
        for event in (started(), end):
            run.append(event)
    for run in runs:
        for path in (*run.path.iterdir(), run.path):
            os.utime(path, (time.time() - 60, time.time() - 60))
    trains = store.create(CONFIG)
    with trains.lock:
        watcher.snapshot(now=True)
        first = watcher.snapshot(now=True)
        opened.clear()
        second = watcher.snapshot(now=True)
    assert set(opened) <= {"progress.json", "title.json", "order.json", "control.json"}
    assert [a is b for a, b in zip(first.runs, second.runs, strict=True)] == [s.run != trains for s in second.runs]
    after = watcher.snapshot(now=True)
    opened.clear()
    for path in (*trains.path.iterdir(), trains.path):
        os.utime(path, (time.time() - 60, time.time() - 60))
    watcher.snapshot(now=True), watcher.snapshot(now=True)
    assert watcher.snapshot(now=True) is watcher.snapshot(now=True) and len(after.runs) == 6


@pytest.mark.parametrize("what", ["renamed", "resumed", "spoke", "pinned", "gone", "torchrun spoke"])
def test_a_run_at_rest_that_changes_is_read_again(run, tmp_path, what):
    watcher = Watcher(RunStore(tmp_path))
    run.append(started())
    run.log_path.write_text("")
    for path in (*run.path.iterdir(), run.path):
        os.utime(path, (time.time() - 60, time.time() - 60))
    before = watcher.snapshot(now=True)
    assert watcher.snapshot(now=True) is before
    match what:
        case "renamed":
            run.rename("Mother")
        case "resumed":
            run.write_progress(Progress("starting"))
        case "spoke":
            run.append(METRIC)
        case "pinned":
            pin(run, Image.new("RGB", (32, 32), "red"))
        case "gone":
            shutil.rmtree(run.path)
        case "torchrun spoke":
            with run.log_path.open("a") as log:
                log.write("Killed\n")
    assert watcher.snapshot(now=True) is not before


@pytest.mark.parametrize("outcome", ["finished", "stopped", "failed"])
def test_an_end_is_told_to_who_saw_the_run_training(run, outcome):
    ended = snapshot(run, [started(), ENDED[outcome]])
    after = runs_snapshot(ended)
    assert after.ended(run.id) is ended
    assert after.ended("") is None and RunsSnapshot().ended(run.id) is None  # deleted meanwhile


def test_a_pause_is_no_end_and_a_death_is(run):
    assert runs_snapshot(snapshot(run, [started(), events.RunPaused(**PLACE)])).ended(run.id) is None
    assert runs_snapshot(snapshot(run, [started()])).ended(run.id).status == "interrupted"
    assert runs_snapshot(snapshot(run, [started(), METRIC], alive=True)).ended(run.id) is None


def test_a_new_title_is_news_for_who_lists_checkpoints(run):
    named = replace(snapshot(run, [started()]), title="Mother")
    assert runs_snapshot(named).checkpoints != runs_snapshot(snapshot(run, [started()])).checkpoints


def test_a_poll_makes_no_path_and_stats_each_run_at_rest_once(store, tiny_config, monkeypatch):
    """A store may hold a thousand of them."""
    for run in [store.create(tiny_config) for _ in range(3)]:
        run.append(ENDED["finished"])
        for path in (*run.path.iterdir(), run.path):
            os.utime(path, (time.time() - 60,) * 2)
    watcher = Watcher(store)
    watcher.snapshot(now=True)  # learns that they have ended: from then on their logs are not looked at
    first = watcher.snapshot(now=True)
    made, asked, make, stat = [], [], RunDirectory.__init__, os.stat
    monkeypatch.setattr(RunDirectory, "__init__", lambda run, *a, **k: (made.append(run), make(run, *a, **k))[1])
    monkeypatch.setattr(os, "stat", lambda path, *a, **k: (asked.append(str(path)), stat(path, *a, **k))[1])
    assert watcher.snapshot(now=True) is first and len(first.runs) == 3
    assert made == [] and sorted(asked) == sorted(str(run.run.path) for run in first.runs)
    store.create(tiny_config, name="another")
    assert len(watcher.snapshot(now=True).runs) == 4

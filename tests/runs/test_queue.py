"""The planned runs of a folder: their order on disk, how they are shown, and when they leave the queue."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from resnet_demo.runs import events
from resnet_demo.runs.deletion import delete_run, discard_unborn
from resnet_demo.runs.directory import RunError
from resnet_demo.runs.held import held_sentence
from resnet_demo.runs.planning import plan_runs, unplan
from resnet_demo.runs.queue import MAX_PLANNED, Queue, QueueError, goes_on_after
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.visitors import VisitorError, VisitorStore
from resnet_demo.runs.watcher import NEWEST, Watcher
from resnet_demo.workers.launcher import shown_as_starting
from tests.support.snapshots import ENDED, PLACE

ROOT = Path(__file__).parents[2]


@pytest.fixture
def queue(store):
    return Queue(store.folder)


@pytest.fixture
def planned(store, tiny_config):
    return plan_runs(store, [replace(tiny_config, seed=seed) for seed in (1, 2, 3)])


def names(runs):
    return [run.path.name for run in runs]


def test_a_folder_of_before_has_nothing_planned(store, queue, run):
    assert queue.ids() == [] and run not in queue
    assert Watcher(store).snapshot().queue == ()
    assert not (store.folder / "queue.json").exists()


def test_runs_are_planned_in_their_order_and_moved(queue, planned):
    first, second, third = names(planned)
    assert queue.ids() == [first, second, third]
    for place, order in ((1, [third, first, second]), (2, [first, third, second]), (3, [first, second, third])):
        queue.move(planned[2], place)
        assert queue.ids() == order
    queue.move(planned[2], 0)
    assert queue.ids()[0] == third
    queue.move(planned[2], 99)
    assert queue.ids()[-1] == third
    queue.add(planned[0])  # who is planned keeps the place
    assert queue.ids() == [first, second, third]
    queue.remove(planned[1])
    queue.remove(planned[1])
    assert queue.ids() == [first, third]
    with pytest.raises(QueueError, match="not in the queue"):
        queue.move(planned[1], 1)


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "\x00", '{"runs": 3}', '{"runs": null}', '{"runs": [1, null, [], {}, true]}',
     json.dumps({"runs": ["x" * 256]}),
     '{"runs": ["..", ".", "", "../elsewhere", "/etc", "a/../b", ".hidden", "nothing", "a\\u0000b", "\\ud800"]}'],
)  # fmt: skip
def test_a_damaged_file_plans_nothing_and_is_made_whole_by_the_next_change(store, queue, run, content, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (store.folder / ".hidden").mkdir()
    (store.folder / "queue.json").write_text(content)
    assert queue.ids() == [] and Watcher(store).snapshot().queue == ()
    queue.add(run)
    assert json.loads((store.folder / "queue.json").read_text()) == {"runs": [run.path.name]}


def test_a_file_of_many_names_costs_no_more_than_a_full_queue(store, queue, run, tiny_config):
    (store.folder / "queue.json").write_text(json.dumps({"runs": [run.path.name, *map(str, range(10**5))]}))
    assert queue.ids() == [run.path.name]
    many = [store.folder / f"run{number:03}" for number in range(MAX_PLANNED)]
    for path in many:
        path.mkdir()
    (store.folder / "queue.json").write_text(json.dumps({"runs": [path.name for path in many]}))
    with pytest.raises(QueueError, match=f"{MAX_PLANNED} runs are planned already"):
        queue.add(run)
    with pytest.raises(QueueError, match="are planned already"):
        plan_runs(store, [tiny_config])
    assert len(list(store.folder.glob("[!.]*/"))) == 1 + MAX_PLANNED  # it has left no folder


def test_two_processes_that_plan_at_once_lose_nothing(store, queue, tiny_config):
    program = """
import json, sys
from pathlib import Path
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.planning import plan_runs
from resnet_demo.runs.store import RunStore
store, config = RunStore(Path(sys.argv[1])), TrainConfig.from_dict(json.loads(sys.argv[2]))
sys.stdin.read()
for _ in range(15):
    print(*(run.path.name for run in plan_runs(store, [config, config])), flush=True)
"""
    command = [sys.executable, "-c", program, str(store.folder), json.dumps(tiny_config.to_dict())]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in both:
        process.stdin.close()  # both are there: begin
        process.stdin = None
    planned = [process.communicate(timeout=60)[0].split() for process in both]
    assert [len(names) for names in planned] == [30, 30]
    assert sorted(queue.ids()) == sorted(planned[0] + planned[1])
    for own in planned:
        assert [name for name in queue.ids() if name in own] == own  # each one's order


def test_all_are_planned_or_none(store, queue, planned, tiny_config):
    wrong = replace(tiny_config, start_from="run:nothing")
    with pytest.raises(RunError, match="There is no run 'nothing'"):
        plan_runs(store, [tiny_config, tiny_config, wrong])
    assert queue.ids() == names(planned) and len(store.runs()) == 3


def test_a_run_that_trains_has_left_the_queue_and_who_loses_the_race_leaves_it_as_it_is(
    store, queue, planned, monkeypatch
):
    monkeypatch.setattr("resnet_demo.runs.store.LOCK_TIMEOUT_S", 0.1)
    first, second, third = planned
    with store.training(first):
        assert queue.ids() == names([second, third])
        with pytest.raises(RunError, match="is training in this folder already"), store.training(second):
            pass
        discard_unborn(store, second)  # as its worker does then
        assert queue.ids() == names([second, third]) and second.exists()


def test_a_run_that_is_deleted_or_removed_is_planned_no_more(store, queue, planned):
    first, second, third = planned
    delete_run(store, first)
    assert queue.ids() == names([second, third])
    unplan(store, second)
    assert queue.ids() == names([third]) and not second.path.exists()
    third.append(events.RunPaused(**PLACE))  # one that has begun, and is to go on later
    with shown_as_starting(third), pytest.raises(QueueError, match="does not wait"):
        unplan(store, third)
    unplan(store, third)
    assert queue.ids() == [] and third.exists()
    with pytest.raises(QueueError, match="does not wait"):
        unplan(store, third)


def test_planned_runs_are_shown_as_queued_with_their_place_and_behind_what_was_trained(
    store, run, tiny_config, monkeypatch
):
    monkeypatch.setattr("resnet_demo.runs.snapshot.SETTLED_NS", 0)
    run.append(events.RunEnded(**PLACE, outcome="finished"))
    (run.path / "order.json").unlink()  # as in a run of before
    watcher = Watcher(store)
    before = watcher.snapshot(now=True)
    planned = plan_runs(store, [tiny_config, tiny_config])
    seen = watcher.snapshot(now=True)
    assert seen.current.run == run and not seen.training
    assert [(one.run, one.status, one.place) for one in seen.queue] == [
        (planned[0], "queued", (1, 2)),
        (planned[1], "queued", (2, 2)),
    ]
    assert seen.version_of(seen.shown(NEWEST)).states != before.version_of(before.shown(NEWEST)).states
    assert watcher.snapshot(now=True) is seen  # what has not changed costs nothing
    Queue(store.folder).move(planned[1], 1)
    moved = watcher.snapshot(now=True)
    assert [one.run for one in moved.queue] == planned[::-1]
    assert moved.version_of(moved.current).states != seen.version_of(seen.current).states and moved.rows != seen.rows
    with shown_as_starting(planned[1]):
        starting = watcher.snapshot(now=True)
        assert (starting.current.run, starting.current.status) == (planned[1], "starting")
        assert [one.run for one in starting.queue] == [planned[0]]
    with store.training(planned[1]):
        assert watcher.snapshot(now=True).current.run == planned[1]


def test_a_paused_run_can_wait_in_the_queue_and_an_ended_one_cannot(store, queue, run):
    run.append(events.RunPaused(**PLACE))
    queue.add(run)
    watcher = Watcher(store)
    assert watcher.snapshot(now=True).current.status == "queued"
    run.append(events.RunEnded(**PLACE, outcome="finished"))
    assert watcher.snapshot(now=True).current.status == "finished" and watcher.snapshot().queue == ()


def test_a_visitor_plans_nothing(store, tiny_config):
    visitor = VisitorStore(store, "someone")
    with pytest.raises(VisitorError, match="cannot be planned"):
        plan_runs(visitor, [tiny_config])
    assert visitor.runs() == []


SAVED = events.CheckpointSaved(**PLACE)
DIVERGED = events.RunEnded(**PLACE, outcome="failed", message="The loss is no number.", comes_again=True)


@pytest.mark.parametrize(
    ("log", "goes_on"),
    [
        ([], False),  # killed
        ([SAVED], False),
        ([events.RunPaused(**PLACE)], False),
        ([ENDED["finished"]], True),
        ([ENDED["stopped"]], True),
        ([ENDED["failed"]], False),  # as all others may
        ([SAVED, ENDED["failed"]], True),
        ([DIVERGED], True),  # by its own settings
        ([ENDED["failed"], events.RunPaused(**PLACE)], False),
    ],
)
def test_the_queue_goes_on_after_an_ending_alone(run, log, goes_on):
    for event in log:
        run.append(event)
    assert goes_on_after(run.view()) == goes_on


@pytest.mark.parametrize(
    ("last", "says"),
    [
        (None, "The queue is on hold: “First” was interrupted."),
        (events.RunPaused(**PLACE), "The queue is on hold: “First” is paused."),
        (ENDED["failed"], "The queue is on hold: “First” failed. A <b>reason</b>."),
        (ENDED["finished"], "The queue is on hold: no run is training."),
    ],
)
def test_why_it_is_held_is_said(store, run, tiny_config, last, says):
    run.rename("First")
    if last:
        run.append(last)
    assert held_sentence(Watcher(store).snapshot()) == ""  # nothing is planned
    plan_runs(store, [tiny_config])
    assert held_sentence(Watcher(store).snapshot()) == says
    assert "reason" not in held_sentence(Watcher(store).snapshot(), owner=False)
    with store.training(store.create(tiny_config)):
        assert held_sentence(Watcher(store).snapshot()) == ""


def test_a_queue_that_cannot_be_written_is_a_sentence(tmp_path, run):
    (tmp_path / "file").write_text("")
    with pytest.raises(QueueError, match=r"could not be written .*Check the disk"):
        Queue(tmp_path / "file").add(run)
    assert Queue(tmp_path / "file").ids() == []


def test_a_store_is_made_with_the_first_plan(tmp_path, tiny_config):
    store = RunStore(tmp_path / "new" / "runs")
    (run,) = plan_runs(store, [tiny_config])
    assert Queue(store.folder).runs() == [run] and run.config() == tiny_config

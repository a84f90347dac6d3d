"""train --later plans a run; queue lists the planned runs, changes their order, and goes on with them."""

import json
from pathlib import Path

import pytest

from resnet_demo.cli.main import main
from resnet_demo.runs import events
from resnet_demo.runs.planning import plan_runs
from resnet_demo.runs.queue import Queue
from resnet_demo.workers.launcher import Launcher
from tests.support.snapshots import ENDED, PLACE


def later(store, *flags) -> int:
    return main(["train", "--later", "--runs", str(store.folder), "--preset", "tour", *map(str, flags)])


def queue(store, *flags) -> int:
    return main(["queue", "--runs", str(store.folder), *map(str, flags)])


@pytest.fixture
def planned(store, tiny_config):
    return plan_runs(store, [tiny_config] * 3)


def order(store):
    return Queue(store.folder).runs()


def test_a_run_is_planned_and_says_its_id_and_its_place(store, capsys):
    for place in (1, 2):
        assert later(store, "--epochs", place) == 0
        said = capsys.readouterr()
        run = store.get(said.out.strip())
        assert run.config().epochs == place and run == order(store)[-1]
        assert said.err == f"'{run.id}' is {place} of {place} in the queue.\n"
        assert not run.events() and not run.log_path.exists()  # nothing has started


def test_the_list_says_the_order_and_why_it_is_held(store, run, planned, tiny_config, capsys):
    run.rename("Before")
    run.append(events.RunPaused(**PLACE))
    planned[1].rename("The second")
    assert queue(store) == 0
    said = capsys.readouterr()
    head, *rows = said.out.splitlines()
    assert head.split() == ["place", "run", "network", "data", "epochs", "title"]
    assert [row.split()[:2] for row in rows] == [[str(place), one.id] for place, one in enumerate(planned, 1)]
    assert rows[1].endswith("handwritten digits  2       The second")
    assert said.err == "The queue is on hold: “Before” is paused. Go on with: python -m resnet_demo queue --start\n"
    assert queue(store, "--json") == 0
    facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["place"], one["run"], one["arch"], one["title"]) for one in facts] == [
        (1, planned[0].id, "resnet18", ""),
        (2, planned[1].id, "resnet18", "The second"),
        (3, planned[2].id, "resnet18", ""),
    ]
    with store.training(store.create(tiny_config, name="now")):
        assert queue(store) == 0
    assert capsys.readouterr().err == "'now' is training. Each starts when the run before it has ended.\n"
    assert main(["runs", "--runs", str(store.folder)]) == 0
    assert capsys.readouterr().out.count(" queued ") == 3


def test_nothing_planned_is_said(store, capsys):
    assert queue(store) == 0 and queue(store, "--json") == 0 and queue(store, "--start") == 0
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("No run is planned in ") == 3


def test_the_order_is_changed_and_runs_are_removed(store, planned, capsys):
    first, second, third = planned
    assert queue(store, "--move", third.id, 1) == 0 and order(store) == [third, first, second]
    assert f"'{third.id}' is 1 of 3 in the queue." in capsys.readouterr().err
    assert queue(store, "--remove", first.path) == 0 and order(store) == [third, second]  # by its path, too
    assert not first.path.exists()
    capsys.readouterr()
    for wrong, code, words in (
        (("--move", second.id, "first"), 2, "A place in the queue is a number"),
        (("--move", second.id, "-1"), 2, "A place in the queue is a number"),
        (("--move", first.id, 1), 1, "There is no run"),
        (("--remove", first.id), 1, "There is no run"),
    ):
        assert queue(store, *wrong) == code
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1
    assert order(store) == [third, second]


def test_a_run_that_does_not_wait_is_neither_moved_nor_removed(store, run, planned, capsys):
    assert queue(store, "--move", run.id, 1) == 1 and queue(store, "--remove", run.id) == 1
    said = capsys.readouterr().err
    assert "is not in the queue" in said and "does not wait in the queue" in said
    assert run.exists() and order(store) == planned


def test_a_paused_run_is_planned_to_go_on_and_an_ended_one_is_not(store, run, capsys):
    run.append(events.RunPaused(**PLACE))
    assert main(["train", "--later", "--run", str(run.path)]) == 0 and order(store) == [run]
    assert queue(store, "--remove", run.id) == 0 and order(store) == [] and run.exists()
    run.append(ENDED["finished"])
    assert main(["train", "--later", "--run", str(run.path)]) == 1 and order(store) == []
    assert "has ended, so it is not planned" in capsys.readouterr().err


def test_start_goes_on_with_the_next_and_says_which(store, planned, capsys, monkeypatch):
    spawned = []
    monkeypatch.setattr(Launcher, "_spawn", lambda self, run, **how: spawned.append((run, self.data_dir)))
    assert queue(store, "--start", "--data-dir", "elsewhere") == 0
    assert spawned == [(planned[0], Path("elsewhere"))]
    assert f"'{planned[0].id}' is training." in capsys.readouterr().err
    with store.training(planned[0]):
        assert queue(store, "--start") == 1
    assert f"'{planned[0].id}' is training already" in capsys.readouterr().err

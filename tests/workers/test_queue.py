"""Planned runs are trained one after the other, each by the worker before it: exactly one at a time, without an app."""

import shutil
import sys
import threading
from dataclasses import replace
from functools import partial

import psutil
import pytest

from resnet_demo.cli.main import main
from resnet_demo.runs import events
from resnet_demo.runs.held import held_sentence
from resnet_demo.runs.planning import plan_runs
from resnet_demo.runs.queue import Queue, QueueError
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Watcher
from resnet_demo.runs.worker_files import DISCARD, PAUSE, STOP
from resnet_demo.workers.launcher import Launcher, LaunchError, SecondError, shown_as_starting
from resnet_demo.workers.worker import Worker
from tests.support import waiting
from tests.support.snapshots import ENDED, PLACE

LONG = 90.0  # seconds; a bound for a busy machine, never a measure
wait_for = partial(waiting.wait_for, limit_s=LONG)


@pytest.fixture
def short(tiny_config):
    """A step, and its save."""
    return replace(tiny_config, arch="resnet20", epochs=1, train_images=32, validation_images=0)


@pytest.fixture
def launcher(tmp_path):
    launcher = Launcher(RunStore(tmp_path / "runs"), tmp_path / "data")
    yield launcher
    for run in launcher.store.runs():
        Queue(launcher.store.folder).remove(run)
        for process in workers_of(run):
            process.kill()
            process.wait(LONG)


def workers_of(run):
    return [p for p in psutil.process_iter(["cmdline"]) if str(run.path) in (p.info["cmdline"] or [])]


def started(run) -> int:
    """How often it has begun or gone on."""
    return sum(isinstance(event, events.RunStarted | events.RunResumed) for event in run.events())


def test_a_run_starts_the_next_once_and_needs_nobody(launcher, short):
    first, second = launcher.plan([short] * 2, start=True)
    wait_for(lambda: first not in Queue(launcher.store.folder), "the first, which its worker takes out of the queue")
    wait_for(lambda: second.view().ended, "the end of the last planned run")
    wait_for(lambda: not second.is_alive(), "the end of its worker")
    assert [run.view().ended.outcome for run in (first, second)] == ["finished"] * 2
    assert [started(run) for run in (first, second)] == [1, 1]
    assert first.view().ended.time <= second.view().started.time and first.order() < second.order()
    assert Queue(launcher.store.folder).ids() == []
    assert f"The queue goes on with '{second.id}'." in first.log_tail()


def test_of_many_who_go_on_at_once_one_starts_it_and_a_pause_or_a_kill_holds_the_rest(launcher, short):
    store = launcher.store
    first, second, third = launcher.plan([replace(short, epochs=1000)] * 2 + [short])
    apps, told = [Launcher(RunStore(store.folder), launcher.data_dir) for _ in range(3)], []

    def go_on(app):
        try:
            told.append(app.start_next())
        except SecondError as error:
            told.append(error)

    threads = [threading.Thread(target=go_on, args=[app]) for app in (*apps, launcher)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert [one for one in told if not isinstance(one, SecondError)] == [first]
    assert len(workers_of(first)) == 1 and workers_of(second) == []
    wait_for(lambda: Queue(store.folder).runs() == [second, third], "the worker, which takes its run out of the queue")

    with pytest.raises(SecondError, match="is training already"):  # also for a run that is not planned
        launcher.start(short)
    launcher.pause(first)
    assert launcher.wait_until_idle(LONG)
    wait_for(lambda: not workers_of(first), "the end of the paused worker")
    assert Queue(store.folder).runs() == [second, third] and not second.is_starting()
    assert "is paused" in held_sentence(Watcher(store).snapshot())

    assert launcher.start_next() == second
    wait_for(lambda: second not in Queue(store.folder), "the worker, which takes its run out of the queue")
    (worker,) = workers_of(second)
    worker.kill()
    wait_for(lambda: not second.is_alive(), "the end of the killed worker")
    assert Queue(store.folder).runs() == [third] and not third.is_starting()
    assert "was interrupted" in held_sentence(Watcher(store).snapshot())


# --- after which endings it goes on: the command that trains, in this process ----------------------------------------


@pytest.fixture
def train(tmp_path, capsys, monkeypatch):
    """`train(run, then)`: `then` happens at the first step; how often the queue went on, and what was said."""
    went_on = []
    monkeypatch.setattr(Launcher, "start_next", lambda self: went_on.append(self.store.folder))

    def training(run, then=lambda: None):
        work = Worker.work

        def disturbed(self):
            for event in work(self):
                if isinstance(event, events.StepEnded) and event.step == 1 and event.phase == "training":
                    then()
                yield event

        with monkeypatch.context() as patch:
            patch.setattr(Worker, "work", disturbed)
            main(["train", "--run", str(run.path), "--data-dir", str(tmp_path), "--json"])
        assert set(went_on) <= {run.path.parent}
        return len(went_on), capsys.readouterr().err

    return training


def fail():
    raise MemoryError


@pytest.mark.parametrize(("wanted", "times"), [("run", 1), (STOP, 1), (DISCARD, 1), (PAUSE, 0)])
def test_it_goes_on_after_an_end_and_not_after_a_pause(store, short, train, wanted, times):
    run = store.create(replace(short, epochs=2))
    assert train(run, lambda: run.request(wanted))[0] == times


def test_a_pause_that_came_too_late_to_be_obeyed_holds_it(store, short, train, monkeypatch):
    run = store.create(short)
    append = type(run).append

    def ask_then_append(self, event):
        append(self, event)
        if isinstance(event, events.RunEnded):
            run.request(PAUSE)

    monkeypatch.setattr(type(run), "append", ask_then_append)
    assert train(run)[0] == 0 and run.view().ended.outcome == "finished"


def test_a_failure_before_anything_is_saved_holds_it(store, short, train, tmp_path):
    run = store.create(replace(short, data=f"folder:{tmp_path / 'nothing'}"))
    times, said = train(run)
    assert times == 0 and run.view().ended.outcome == "failed" and run.view().ended.message in said


def test_a_run_that_has_ended_before_starts_nothing(store, short, train):
    run = store.create(short)
    assert train(run)[0] == 1 and train(run)[0] == 1


@pytest.mark.parametrize(("last", "times"), [(ENDED["finished"], 1), (events.RunPaused(**PLACE), 0), (None, 0)])
def test_of_several_processes_the_one_that_started_them_goes_on(store, short, monkeypatch, last, times):
    """What torchrun starts has its variables, and fewer threads."""
    run, went_on = store.create(replace(short, processes=2)), []

    def torchrun(processes, arguments):
        if last:
            run.append(last)
        return [sys.executable, "-c", ""]

    monkeypatch.setattr("resnet_demo.cli.train.torchrun_command", torchrun)
    monkeypatch.setattr(Launcher, "start_next", lambda self: went_on.append(True))
    main(["train", "--run", str(run.path)])
    assert len(went_on) == times


# --- starting the next ----------------------------------------------------------------------------------------------


def test_a_start_that_is_refused_says_why_and_does_not_block_the_others(launcher, short, monkeypatch):
    launcher.store.create(short).append(ENDED["finished"])  # trained before
    refused, other = launcher.plan([short] * 2)
    with monkeypatch.context() as patch:
        patch.setattr("resnet_demo.workers.launcher.PROJECT", launcher.store.folder.parent)  # no resnet_demo there
        patch.delenv("PYTHONPATH", raising=False)
        with pytest.raises(LaunchError, match="No module named resnet_demo"):
            launcher.start_next()
    snapshot = Watcher(launcher.store).snapshot()
    assert (snapshot.current.run, snapshot.current.status) == (refused, "interrupted")
    assert not snapshot.current.exit.began and "No module named resnet_demo" in refused.log_tail()
    assert "could not be started" in held_sentence(snapshot)
    assert Queue(launcher.store.folder).runs() == [other]


def test_the_last_word_of_a_worker_says_that_the_queue_is_held(store, short, tmp_path, capsys, monkeypatch):
    def refuse(self):
        raise LaunchError("The training process ended with exit code 1 before it began.")

    monkeypatch.setattr(Launcher, "start_next", refuse)
    run = store.create(short)
    assert main(["train", "--run", str(run.path), "--data-dir", str(tmp_path), "--json"]) == 0  # itself it went well
    assert "The queue is held" in (said := capsys.readouterr().err) and "ended with exit code 1" in said


def test_what_cannot_begin_is_passed_over(launcher, short, monkeypatch):
    damaged, ended, gone, good = launcher.plan([short] * 4)
    (damaged.path / "config.json").write_text("{")
    ended.append(ENDED["finished"])
    shutil.rmtree(gone.path)
    spawned = []
    monkeypatch.setattr(Launcher, "_spawn", lambda self, run, **how: spawned.append(run))
    assert launcher.start_next() == good and spawned == [good]
    assert damaged.path.exists() and Queue(launcher.store.folder).runs() == [good]
    assert any(damaged.id in problem for problem in Watcher(launcher.store).snapshot().unreadable)


def test_nothing_planned_is_nothing_to_start(launcher):
    assert launcher.start_next() is None and launcher.plan([], start=True) == []


def test_who_plans_while_a_worker_ends_goes_on_in_its_place(launcher, short, monkeypatch):
    """It may have looked for planned runs a moment before there was one."""
    running = launcher.store.create(short)
    training = launcher.store.training(running)
    training.__enter__()
    went_on = []
    monkeypatch.setattr(Launcher, "start_next", lambda self: went_on.append(True))
    with launcher.planning():
        plan_runs(launcher.store, [short])
    assert went_on == []  # it trains on
    with launcher.planning():
        plan_runs(launcher.store, [short])
        running.append(events.RunPaused(**PLACE))
        training.__exit__(None, None, None)
    assert went_on == []  # a pause holds
    with launcher.planning(), launcher.store.training(running):
        pass
    assert went_on == []  # nothing trained before
    training = launcher.store.training(running)
    training.__enter__()
    with launcher.planning():
        plan_runs(launcher.store, [short])
        running.append(ENDED["stopped"])
        training.__exit__(None, None, None)
    assert went_on == [True]


def test_an_app_that_ends_between_two_planned_runs_finds_the_one_that_is_being_started(launcher, short):
    (run,) = launcher.plan([short])
    begun, may_end = threading.Event(), threading.Event()

    def start():
        with shown_as_starting(run):
            begun.set()
            threading.Event().wait(2 * 0.5)
            with launcher.store.training(run):
                run.start_path.touch()
                may_end.wait(LONG)

    thread = threading.Thread(target=start)
    thread.start()
    assert begun.wait(LONG)
    assert launcher.active() == run
    may_end.set()
    thread.join(LONG)


def test_a_queue_that_cannot_be_written_keeps_no_run_from_training(store, short, monkeypatch):
    (run,) = plan_runs(store, [short])

    def refuse(self, run):
        raise QueueError("The disk is full.")

    monkeypatch.setattr(Queue, "remove", refuse)
    with store.training(run):
        assert Watcher(store).snapshot().current.run == run

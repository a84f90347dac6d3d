"""Workers are processes of their own: started, paused, resumed, stopped and adopted through the run directory."""

import os
import signal
import threading
from dataclasses import replace
from functools import partial

import psutil
import pytest

from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Watcher
from resnet_demo.ui.html.run_sentence import run_sentence
from resnet_demo.workers.launcher import Launcher, LaunchError
from tests.support import waiting

LONG = 60.0  # seconds; a bound for a busy machine, never a measure


@pytest.fixture
def launcher(tmp_path):
    launcher = Launcher(RunStore(tmp_path / "runs"), tmp_path / "data")
    yield launcher
    for run in launcher.store.runs():
        kill_worker(run)


def kill_worker(run):
    for process in psutil.process_iter(["cmdline"]):
        if str(run.path) in (process.info["cmdline"] or []):
            process.kill()
            process.wait(LONG)


wait_for = partial(waiting.wait_for, limit_s=LONG)


def test_pause_resume_and_stop_go_through_a_process_of_its_own(launcher, tiny_config):
    run = launcher.start(replace(tiny_config, epochs=50))
    assert run.is_alive() and launcher.store.active() == run
    wait_for(lambda: run.view().metrics, "the first point")
    launcher.pause(run)
    assert launcher.wait_until_idle(LONG)
    step = run.view().last.step
    assert run.view().paused and step > 0
    launcher.resume(run)
    wait_for(lambda: run.view().last.step > step, "a step after resuming")
    launcher.stop(run)
    assert launcher.wait_until_idle(LONG)
    assert run.view().ended.outcome == "stopped" and run.model_path.is_file()
    ended = run.view().ended.time
    wait_for(lambda: run.exit() and run.exit().time >= ended, "how the second worker ended")
    assert run.exit().code == 0 and run.exit().began
    step = run.view().last.step
    launcher.resume(run)  # a person thinks again
    wait_for(lambda: run.view().last.step > step, "a step after stopping")
    launcher.stop(run)
    assert launcher.wait_until_idle(LONG)
    run.state_path.unlink()
    with pytest.raises(LaunchError, match="nothing to resume"):
        launcher.resume(run)


def test_a_run_that_is_a_link_trains_under_the_locks_of_the_folder_that_lists_it(launcher, tiny_config, tmp_path):
    run = launcher.start(replace(tiny_config, epochs=50))
    launcher.pause(run)
    assert launcher.wait_until_idle(LONG)
    run.path.rename(tmp_path / "elsewhere")
    run.path.symlink_to(tmp_path / "elsewhere")
    launcher.resume(run)
    assert launcher.store.active() == run
    launcher.stop(run)
    assert launcher.wait_until_idle(LONG)


def test_a_discarded_run_is_gone_and_frees_the_place(launcher, tiny_config):
    run = launcher.start(replace(tiny_config, epochs=50))
    launcher.discard(run)
    wait_for(lambda: not run.path.exists(), "the end of the run's folder")
    assert launcher.store.active() is None
    launcher.discard(run)  # twice is as good as once
    dead = launcher.store.create(tiny_config)
    launcher.discard(dead)
    assert list(launcher.store.folder.glob("[!.]*")) == []


@pytest.mark.parametrize("is_another", [False, True])
def test_a_run_that_is_being_started_is_waited_for(launcher, tiny_config, is_another):
    """An app that ends at this moment must ask its worker to save, too."""
    asked = Launcher(launcher.store, launcher.data_dir) if is_another else launcher
    start = threading.Thread(target=launcher.start, args=(replace(tiny_config, epochs=50),))
    start.start()
    wait_for(lambda: any(run.is_starting() for run in launcher.store.folders()), "the start")
    run = asked.active()
    start.join(LONG)
    assert run is not None and run.is_alive()
    asked.pause(run)
    assert asked.wait_until_idle(LONG)


def test_another_launcher_adopts_and_buries(launcher, tiny_config):
    """What a restarted app sees: a living worker it did not start; then one that was killed."""
    run = launcher.start(replace(tiny_config, epochs=50))
    store = RunStore(launcher.store.folder)
    restarted, watcher = Launcher(store, launcher.data_dir), Watcher(store)
    assert watcher.snapshot().current.status.is_live
    with pytest.raises(LaunchError, match=f"'{run.id}' is training already"):
        restarted.start(tiny_config)
    kill_worker(run)
    current = watcher.snapshot(now=True).current
    assert (current.run, current.status, current.progress) == (run, "interrupted", None)
    restarted.resume(run)
    assert watcher.snapshot(now=True).current.status.is_live


def test_sigterm_saves_and_leaves_a_run_to_resume(launcher, tiny_config):
    run = launcher.start(replace(tiny_config, epochs=50))
    wait_for(lambda: run.view().metrics, "the first point")
    worker = next(p for p in psutil.process_iter(["cmdline"]) if str(run.path) in (p.info["cmdline"] or []))
    assert worker.nice() == max(5, psutil.Process().nice()) and os.getpgid(worker.pid) == worker.pid
    worker.send_signal(signal.SIGTERM)
    assert launcher.wait_until_idle(LONG)
    assert run.view().paused and run.state_path.is_file()


def test_a_worker_never_asks_for_more_of_the_processor_than_the_app_has(launcher, tiny_config, monkeypatch):
    """Only root could give it that."""
    asked = []

    class Nice:
        def __init__(self, pid):
            pass

        def nice(self, value=None):
            asked.append(value)
            return 10

    with monkeypatch.context() as patch:  # the fixture's end looks for processes, too
        patch.setattr("resnet_demo.workers.launcher.psutil.Process", Nice)
        launcher.start(tiny_config)
    assert asked == [None, 10]


def test_what_a_worker_says_before_it_dies_is_quoted(launcher, tiny_config, monkeypatch):
    monkeypatch.setattr("resnet_demo.workers.launcher.PROJECT", launcher.store.folder.parent)  # no resnet_demo there
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(LaunchError, match=r"ended with exit code 1 before it began.*No module named resnet_demo"):
        launcher.start(tiny_config)
    (run,) = launcher.store.runs()
    assert (run.exit().code, run.exit().began) == (1, False)


def test_a_worker_that_never_comes_to_its_lock_is_ended(launcher, tiny_config, monkeypatch, tmp_path):
    sleeper = tmp_path / "python"
    sleeper.write_text("#!/bin/sh\necho I am waiting\nsleep 60\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr("resnet_demo.workers.launcher.sys.executable", str(sleeper))
    monkeypatch.setattr("resnet_demo.workers.launcher.START_TIMEOUT_S", 1.0)
    with pytest.raises(LaunchError, match=r"did not start within 1 s.*Its last line: I am waiting"):
        launcher.start(tiny_config)
    (run,) = launcher.store.runs()  # kept, since it can say how its worker ended
    assert run.exit().code == -signal.SIGKILL and not run.exit().began and not run.start_path.exists()
    current = Watcher(launcher.store).snapshot().current
    assert "ended by SIGKILL" in run_sentence(current) and "I am waiting" in run_sentence(current)
    wait_for(
        lambda: not any(str(sleeper) in (p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"])),
        "the process's end",
    )


def test_a_run_that_does_not_train_cannot_be_paused_or_stopped(launcher, tiny_config):
    """Also while another one trains, which is not touched."""
    other = launcher.store.create(tiny_config)
    run = launcher.start(replace(tiny_config, epochs=50))
    for ask in (launcher.pause, launcher.stop):
        with pytest.raises(LaunchError, match=f"'{other.id}' is not training now"):
            ask(other)
    assert run.wanted() == other.wanted() == "run" and run.is_alive()

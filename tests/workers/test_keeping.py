"""Training on a disk that does not last: what a worker saves is copied to RESNET_DEMO_KEEP, and comes back."""

import os
import shutil
from dataclasses import replace

import pytest

from resnet_demo.runs import events
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.keep import Keep
from resnet_demo.runs.status import RunStatus
from resnet_demo.runs.watcher import Watcher
from resnet_demo.runs.worker_files import PAUSE
from resnet_demo.training.resume_state import load_state
from resnet_demo.workers import saver
from resnet_demo.workers.launcher import Launcher
from resnet_demo.workers.worker import Worker
from tests.support.bucket import make_bucket
from tests.support.states import assert_equal_states
from tests.support.waiting import wait_for
from tests.support.workers import LONG, assert_as_if_never_disturbed
from tests.test_app import ending, free_port, run_python


@pytest.fixture(autouse=True)
def saved_at_each_epochs_end(monkeypatch):
    monkeypatch.setattr(saver, "SAVE_AT_EPOCH_END_S", 0.0)


@pytest.fixture
def tiny_config(tiny_config):
    return replace(tiny_config, arch="resnet20", threads=1)


def status_of(store, run):
    return next(one.status for one in Watcher(store).snapshot().runs if one.run.id == run.id)


def test_a_run_whose_disk_is_lost_goes_on_at_its_last_save_as_if_never_disturbed(run, store, tmp_path, monkeypatch):
    monkeypatch.setenv("RESNET_DEMO_KEEP", str(make_bucket(tmp_path / "bucket", monkeypatch)))
    work = Worker(run, tmp_path).work()
    saved = next(event for event in work if isinstance(event, events.CheckpointSaved))
    kept = load_state(run.state_path)
    next(event for event in work if isinstance(event, events.MetricsLogged))
    work.close()  # as a kill: no word of it is stored
    shutil.rmtree(store.folder)
    assert Keep.of_environment().restore(store.folder) == [run.id]
    assert status_of(store, run) is RunStatus.INTERRUPTED and run.can_resume(run.view())
    assert run.view().last == saved
    assert_equal_states(load_state(run.state_path), kept)
    for event in Worker(RunDirectory(run.path), tmp_path).work():
        if isinstance(event, events.StepEnded) and event.step == saved.step + 3:
            run.request(PAUSE)
    monkeypatch.delenv("RESNET_DEMO_KEEP")
    assert_as_if_never_disturbed(run, tmp_path)


@pytest.mark.parametrize("wanted", ["pause", "stop", "finish"])
def test_the_last_word_is_kept_too(run, store, tmp_path, monkeypatch, wanted):
    monkeypatch.setenv("RESNET_DEMO_KEEP", str(make_bucket(tmp_path / "bucket", monkeypatch)))
    for event in Worker(run, tmp_path).work():
        if isinstance(event, events.MetricsLogged) and wanted != "finish":
            run.request(wanted)
    before = run.view()
    shutil.rmtree(store.folder)
    Keep.of_environment().restore(store.folder)
    assert run.view() == before and (before.paused or before.ended)
    assert run.state_path.exists() == (wanted != "finish")


def test_a_folder_that_takes_nothing_ends_no_training(run, tmp_path, monkeypatch, capsys):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("RESNET_DEMO_KEEP", str(tmp_path / "a file"))
    *_, last = Worker(run, tmp_path).work()
    assert last.outcome == "finished"
    said = set(capsys.readouterr().err.splitlines())
    assert len(said) == 1 and "could not be copied to" in said.pop()


def test_a_killed_space_wakes_up_with_its_run(tmp_path):
    runs, keep, port = tmp_path / "runs", tmp_path / "keep", free_port()
    keep.mkdir()
    settings = [
        "--data",
        "digits",
        "--arch",
        "resnet18",
        "--epochs",
        "90",
        "--batch-size",
        "16",
        "--train-images",
        "160",
    ]
    train = ["-m", "resnet_demo", "train", "--run", runs / "mine", "--preset", "tour", *settings, "--json"]
    with ending(run_python(*train, RESNET_DEMO_KEEP=str(keep))) as process:
        wait_for(lambda: list(keep.glob("mine/*.save.json")), "a save", LONG)
        process.kill()
        process.wait()
    shutil.rmtree(runs)
    with ending(run_python("app.py", "--runs", runs, "--port", port, RESNET_DEMO_KEEP=str(keep))) as app:
        assert app.stdout.readline().strip() == f"Restored from '{keep}': mine"
        run = RunDirectory(runs / "mine")
        assert run.state_path.exists() and run.can_resume(run.view()) and run.view().epochs


def test_a_folder_named_from_here_is_the_same_to_a_worker_that_begins_elsewhere(store, tiny_config, monkeypatch):
    here = store.folder.parent
    monkeypatch.chdir(here)
    monkeypatch.setenv("RESNET_DEMO_KEEP", "kept")
    run = Launcher(store, here / "data").start(tiny_config)
    wait_for(lambda: run.view().is_over and not run.is_alive(), "the run's end", LONG)
    assert Keep.of_environment().run_ids() == [run.id] and (here / "kept" / run.id).is_dir()


def test_a_folder_that_is_not_mounted_is_one_line(tmp_path):
    process = run_python("app.py", "--runs", tmp_path / "runs", RESNET_DEMO_KEEP=str(tmp_path / "none"))
    said = process.communicate(timeout=LONG)[0]
    assert process.returncode == 1 and said.startswith("app.py: RESNET_DEMO_KEEP names") and said.count("\n") == 1


def test_saves_are_kept_by_the_clock_as_well(run, tmp_path, monkeypatch):
    monkeypatch.setenv("RESNET_DEMO_KEEP", str(make_bucket(tmp_path / "bucket", monkeypatch)))
    monkeypatch.setattr(saver, "SAVE_EVERY_S", 0.0)
    work = Worker(run, tmp_path).work()
    next(event for event in work if isinstance(event, events.CheckpointSaved))
    work.close()
    assert any(name.startswith("resume.pt.") for name in os.listdir(tmp_path / "bucket" / run.id))  # noqa: PTH208

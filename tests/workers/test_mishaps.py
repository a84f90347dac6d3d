"""What can happen around a run: each mishap is one sentence, in the run and in what the worker says, and costs nothing
that had been saved."""

import re
import shutil
import time
from dataclasses import replace

import pytest
from PIL import Image

from resnet_demo.cli.main import main
from resnet_demo.runs import events
from resnet_demo.runs.deletion import discard_unborn
from resnet_demo.runs.directory import RunError
from resnet_demo.runs.watcher import NEWEST, Watcher
from resnet_demo.runs.worker_files import PAUSE
from resnet_demo.training.resume_state import load_state
from resnet_demo.ui.html.run_log import log_text
from resnet_demo.workers.worker import Worker
from tests.support.workers import TRAINING, KillableWorker, TrainCommand, curves, obey_permissions


@pytest.fixture
def train(tmp_path, capsys, monkeypatch):
    """`train(run, at)`: the command a launcher starts; `at` maps a step to what happens then. Its exit status, and
    what it says on stderr, which is what stands in worker.log."""

    def training(run, at):
        work = Worker.work

        def disturbed(self):
            for event in work(self):
                if isinstance(event, events.StepEnded) and event.step in at:
                    at.pop(event.step)()
                yield event

        with monkeypatch.context() as patch:
            patch.setattr(Worker, "work", disturbed)
            status = main(["train", "--run", str(run.path), "--data-dir", str(tmp_path), "--json"])
        return status, capsys.readouterr().err

    return training


def test_a_run_folder_that_is_deleted_in_mid_run_is_said_and_not_made_again(store, tiny_config, train):
    run = store.create(tiny_config)
    status, said = train(run, {3: lambda: shutil.rmtree(run.path)})
    assert status == 1 and "folder was deleted while it trained" in said
    assert said.count("\n") == 1 and "Traceback" not in said
    assert not run.path.exists() and store.active() is None


def test_a_clock_that_jumps_changes_no_curve(store, tiny_config, train, monkeypatch):
    whole, jumped = store.create(tiny_config, name="whole"), store.create(tiny_config, name="jumped")
    assert train(whole, {}) == (0, "")
    clock, offset = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: clock() + offset[0])

    def jump(seconds: float) -> None:
        offset[0] += seconds

    assert train(jumped, {3: lambda: jump(-86_400), 7: lambda: jump(200_000), 11: lambda: jump(-150_000)}) == (0, "")
    view, log = jumped.view(), jumped.events()
    assert max(e.time for e in log) - min(e.time for e in log) > 100_000
    assert curves(view) == curves(whole.view())
    elapsed = [event.elapsed_s for event in log]
    assert elapsed == sorted(elapsed) and elapsed[-1] < 3600
    shown = Watcher(store).snapshot().shown("jumped")
    assert shown.status == "finished"
    steps = [int(step) for step in re.findall(r"step (\d+)", log_text(shown))]
    assert steps and steps == sorted(steps)


def test_a_data_folder_that_vanishes_before_a_resume_costs_nothing(store, tiny_config, train, tmp_path):
    images = tmp_path / "images"
    for index in range(80):
        path = images / ("light" if index % 2 else "dark") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (32, 32), 200 if index % 2 else index).save(path)
    run = store.create(replace(tiny_config, data=f"folder:{images}", train_images=0, test_images=0))
    assert train(run, {2: lambda: run.request(PAUSE)})[0] == 130
    images.rename(tmp_path / "elsewhere")
    status, said = train(run, {})
    assert status == 1 and f"There is no folder {images}" in said and said.count("\n") == 1
    assert run.view().ended.message in said and load_state(run.state_path)["step"] == 2
    (tmp_path / "elsewhere").rename(images)
    assert train(run, {})[0] == 0 and run.view().ended.outcome == "finished"


@pytest.mark.parametrize("log_too", [False, True], ids=["the folder", "the folder and the log"])
def test_a_folder_without_write_permission_is_said_and_costs_nothing(store, tiny_config, tmp_path, log_too):
    run = store.create(tiny_config)
    for event in Worker(run, tmp_path).work():
        if event.step == 7:
            run.request(PAUSE)
    run.log_path.touch()
    if log_too:
        run.events_path.chmod(0o444)
    run.path.chmod(0o555)
    try:
        assert TrainCommand(run, tmp_path, obey_permissions).wait() == 1
        said = run.log_path.read_text()
        assert "could not be read or written (Permission denied)" in said and "Traceback" not in said
        if log_too:
            assert "The run's log cannot be written, either (Permission denied)." in said
            assert run.view().paused and not run.view().ended
        else:
            assert run.view().ended.message in said
    finally:
        run.path.chmod(0o755)
        run.events_path.chmod(0o644)
    assert load_state(run.state_path)["step"] == 7
    assert TrainCommand(run, tmp_path, obey_permissions).wait() == 0
    assert run.view().ended.outcome == "finished"


def test_a_state_that_is_gone_is_no_new_beginning(store, tiny_config, train):
    run = store.create(tiny_config)
    assert train(run, {7: lambda: run.request(PAUSE)})[0] == 130
    run.state_path.unlink()
    saved = run.model_path.read_bytes()
    status, said = train(run, {})
    assert status == 1 and "resume.pt) is gone" in said and run.model_path.read_bytes() == saved


def test_a_refused_start_deletes_no_run_that_was_saved(store, tiny_config, train):
    run = store.create(tiny_config)
    assert train(run, {7: lambda: run.request(PAUSE)})[0] == 130
    run.events_path.unlink()
    discard_unborn(store, run)
    assert run.state_path.exists()


def test_a_lock_that_cannot_be_made_is_a_sentence(store, tiny_config):
    run = store.create(tiny_config)
    (store.folder / ".training.lock").mkdir()
    with pytest.raises(RunError, match="Nothing can be written in"):
        next(Worker(run, store.folder).work())


def test_a_killed_worker_is_shown_as_interrupted_in_the_next_snapshot(store, tiny_config, tmp_path):
    run = store.create(replace(tiny_config, epochs=100))
    worker, watcher = KillableWorker(run, tmp_path, save_every_s=60), Watcher(store)
    assert worker.wait_inside(TRAINING, 1)
    assert watcher.snapshot(now=True).shown(NEWEST).status.is_live
    worker.kill()
    assert watcher.snapshot(now=True).shown(NEWEST).status == "interrupted"

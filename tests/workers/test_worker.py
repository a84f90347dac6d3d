"""A worker drains a trainer into a run directory, obeys its control file, and says what went wrong."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from resnet_demo.models import checkpoint
from resnet_demo.models.checkpoint import load_model
from resnet_demo.models.checkpoint_info import read_model_info
from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Watcher
from resnet_demo.runs.worker_files import DISCARD, PAUSE, STOP
from resnet_demo.training import resume_state, trainer
from resnet_demo.training.resume_state import load_state
from resnet_demo.training.trainer import Trainer
from resnet_demo.ui.html.run_sentence import run_sentence
from resnet_demo.workers import saver
from resnet_demo.workers.worker import Worker
from tests.support.image_folders import fill
from tests.support.states import assert_equal_states
from tests.support.workers import curves


def work(run, tmp_path, wanted_after=None):
    """Drain a worker; `wanted_after` is (number of steps, what is then wanted)."""
    told = []
    for event in Worker(run, tmp_path / "data").work():
        told.append(event)
        steps = sum(isinstance(e, events.StepEnded) and e.phase == "training" for e in told)
        if wanted_after and steps == wanted_after[0]:
            run.request(wanted_after[1])
    return told


@pytest.mark.parametrize("data", ["digits", "animals"])
def test_flip_averaging_is_told_in_the_checkpoint_where_the_data_allow_it(data, store, tiny_config, tmp_path):
    source = data if data == "digits" else f"folder:{fill(tmp_path / data, {'cat': 40, 'dog': 40})}"
    run = store.create(replace(tiny_config, data=source, epochs=1, train_images=0, flip_averaging=True, batch_size=32))
    work(run, tmp_path, (1, STOP))
    assert read_model_info(run.model_path).flip_averaging == (data != "digits")


def names(run):
    return [type(event).__name__ for event in run.events()]


def test_a_finished_run_leaves_its_log_its_model_and_no_resume_state(run, tmp_path):
    told = work(run, tmp_path)
    assert isinstance(told[-1], events.RunEnded) and told[-1].outcome == "finished"
    assert [e for e in told if isinstance(e, events.STORED)] == run.events()
    assert names(run)[0] == "RunStarted" and names(run).count("EpochEnded") == 2
    assert not run.state_path.exists() and not run.is_alive()
    info = read_model_info(run.model_path)
    assert (info.epoch, info.step, info.accuracy) == (2, 18, run.view().test_accuracy)
    assert info.classes == tuple("0123456789") and info.light_on_dark
    assert run.saved_epochs() and set(run.saved_epochs()) <= {1, 2}
    assert run.environment()["threads"] == 1 and run.environment()["torch"] == torch.__version__


def test_a_start_removes_what_a_killed_worker_left_and_spares_what_the_page_writes(run, tmp_path):
    theirs, ours = (run.path / name for name in (".control.json.1.2.part", ".resume.pt.1.2.part"))
    theirs.touch(), ours.touch()
    work(run, tmp_path, wanted_after=(1, STOP))
    assert theirs.exists() and not ours.exists()


@pytest.mark.parametrize("changes", [{"learning_rate": 0.02}, {"seed": 3}])
def test_settings_changed_by_hand_are_a_sentence_and_cost_nothing(store, run, tmp_path, changes):
    work(run, tmp_path, wanted_after=(3, PAUSE))
    config = run.config()
    run.write_config(replace(config, **changes), **run.environment())
    ended = work(run, tmp_path)[-1]
    assert ended.outcome == "failed" and "instead of" in ended.message and "Put it back as it was" in ended.message
    run.write_config(config, **run.environment())
    assert work(run, tmp_path, wanted_after=(1, PAUSE))[-1].step == 4


def test_threads_and_precision_stay_those_of_the_saved_state(store, tiny_config, tmp_path, monkeypatch):
    """Whatever config.json says by now, and whatever `auto` would choose."""
    run = store.create(replace(tiny_config, threads=2))
    native = "resnet_demo.training.device._multiplies_bfloat16"
    monkeypatch.setattr(native, lambda kind: False)
    work(run, tmp_path, wanted_after=(3, PAUSE))
    environment = run.environment()
    assert (environment["threads"], environment["precision"]) == (2, "float32")
    run.write_config(run.config(), **{**environment, "threads": 1, "precision": "bfloat16"})
    monkeypatch.setattr(native, lambda kind: True)
    told = work(run, tmp_path, wanted_after=(1, PAUSE))
    assert [event.warnings for event in told if isinstance(event, events.RunResumed)] == [()]
    assert torch.get_num_threads() == 2
    machine = load_state(run.state_path)["machine"]
    assert (machine["threads"], machine["precision"]) == (2, "float32")


def test_a_paused_run_continues_to_the_same_weights(store, tiny_config, run, tmp_path):
    work(run, tmp_path, wanted_after=(7, PAUSE))
    assert names(run)[-2:] == ["CheckpointSaved", "RunPaused"] and run.state_path.exists()
    assert run.view().last.step == 7 and run.view().paused
    assert read_model_info(run.model_path).accuracy is None
    work(run, tmp_path)
    whole = store.create(tiny_config)
    work(whole, tmp_path)
    (continued, _), (expected, _) = load_model(run.model_path), load_model(whole.model_path)
    for name, tensor in expected.state_dict().items():
        assert torch.equal(continued.state_dict()[name], tensor), name
    assert [m.train_loss for m in run.view().metrics] == [m.train_loss for m in whole.view().metrics]
    assert [e.test_loss for e in run.view().epochs] == [e.test_loss for e in whole.view().epochs]


def test_progress_tells_the_load_and_saving_keeps_what_was_known(run, tmp_path, monkeypatch):
    monkeypatch.setattr("resnet_demo.workers.record.PROGRESS_EVERY_S", 0.0)
    written = []
    monkeypatch.setattr(type(run), "write_progress", lambda self, progress: written.append(progress))
    work(run, tmp_path)
    assert all(p.cpu_percent is not None and p.memory_bytes > 50e6 and p.gpu_memory_bytes is None for p in written)
    saved_at_the_end = [p for p in written if p.phase == "saving"][-1]
    assert saved_at_the_end.step == 18 and saved_at_the_end.images_per_s and saved_at_the_end.remaining_s == 0
    training = [p for p in written if p.phase == "training" and p.remaining_s is not None]
    assert training and all(0 < p.epoch_remaining_s <= p.remaining_s for p in training)


def test_a_stopped_run_is_saved_and_over(run, tmp_path):
    told = work(run, tmp_path, wanted_after=(3, STOP))
    assert told[-1].outcome == "stopped" and told[-1].step == 3
    assert read_model_info(run.model_path).step == 3
    assert work(run, tmp_path) == []


def test_a_stale_request_does_not_hold_the_next_start(run, tmp_path):
    run.request(PAUSE)
    assert work(run, tmp_path)[-1].outcome == "finished"


@pytest.mark.parametrize(("wanted", "last"), [(PAUSE, "RunPaused"), (STOP, "RunEnded")])
def test_loading_obeys_too(run, tmp_path, wanted, last):
    for event in Worker(run, tmp_path / "data").work():
        if getattr(event, "phase", "") == "starting":
            run.request(wanted)
    assert names(run) == [last] and not run.model_path.exists()
    if wanted == STOP:
        assert "before anything was saved" in run.view().ended.message


def test_a_pause_while_loading_is_at_what_is_saved(run, tmp_path):
    work(run, tmp_path, wanted_after=(3, PAUSE))
    paused = run.view().last
    run.append(events.RunResumed(**vars(paused)))
    run.append(replace(paused, step=8))  # as far as a worker came that was then killed
    for event in Worker(run, tmp_path / "data").work():
        if getattr(event, "phase", "") == "starting":
            run.request(PAUSE)
    seen = Watcher(RunStore(run.path.parent)).snapshot().current
    assert seen.view.last.step == 3 and "from the very step" in run_sentence(seen)


def test_a_failed_run_that_is_resumed_and_paused_while_it_loads_is_paused(store, tiny_config, tmp_path):
    run = store.create(replace(tiny_config, data=f"folder:{tmp_path / 'nothing'}"))
    work(run, tmp_path)
    for _ in Worker(run, tmp_path / "data").work():
        run.request(PAUSE)
    assert names(run) == ["RunEnded", "RunPaused"]
    assert Watcher(store).snapshot().shown(run.id).status == "paused"


@pytest.mark.parametrize("phase", ["starting", "training", "evaluating"])
def test_a_discarded_run_ends_without_saving_and_is_deleted(store, run, tmp_path, phase, monkeypatch):
    monkeypatch.setattr(saver.RunSaver, "_save", lambda _, at: pytest.fail("saved"))
    told = []
    for event in Worker(run, tmp_path / "data").work():
        if getattr(event, "phase", "") == phase:
            run.request(DISCARD)
        told.append(event)
    assert told[-1].outcome == "discarded" and not run.path.exists() and store.runs() == []
    assert sum(getattr(event, "phase", "") == phase for event in told) == 1  # it obeyed at once


def test_a_run_that_fails_before_it_is_discarded_is_deleted_too(store, tiny_config, tmp_path):
    run = store.create(replace(tiny_config, data=f"folder:{tmp_path / 'nothing'}"))
    for event in Worker(run, tmp_path / "data").work():
        if isinstance(event, events.RunEnded) and event.outcome == "failed":
            run.request(DISCARD)
    assert not run.path.exists()


def test_data_that_are_not_there_end_the_run_with_advice(store, tiny_config, tmp_path):
    run = store.create(replace(tiny_config, data=f"folder:{tmp_path / 'nothing'}"))
    ended = work(run, tmp_path)[-1]
    assert ended.outcome == "failed" and "nothing" in ended.message and "Traceback" not in ended.message


def test_a_rate_too_high_ends_the_run_with_advice(store, tiny_config, tmp_path):
    wild = {"optimizer": "sgd", "learning_rate": 10.0, "momentum": 0.999, "schedule": "constant", "epochs": 30}
    run = store.create(replace(tiny_config, **wild))
    ended = work(run, tmp_path)[-1]
    assert ended.outcome == "failed" and "Lower the learning rate" in ended.message


def test_a_damaged_state_is_a_sentence_and_keeps_what_was_saved(run, tmp_path):
    work(run, tmp_path, wanted_after=(3, PAUSE))
    run.state_path.write_bytes(run.state_path.read_bytes()[:1000])
    ended = work(run, tmp_path)[-1]
    assert ended.outcome == "failed" and "damaged" in ended.message
    assert read_model_info(run.model_path).step == 3


def test_what_nobody_has_foreseen_is_named_and_traced_in_the_log(run, tmp_path, monkeypatch, capsys):
    def broken(self):
        raise ZeroDivisionError("division by zero")
        yield

    monkeypatch.setattr("resnet_demo.training.trainer.Trainer.run", broken)
    ended = work(run, tmp_path)[-1]
    assert ended.message == "Training stopped by an unexpected error (ZeroDivisionError: division by zero)."
    assert "Traceback" in capsys.readouterr().err


def test_a_failed_run_goes_on_once_the_cause_is_mended(store, tiny_config, run, tmp_path, monkeypatch):
    work(run, tmp_path, wanted_after=(5, PAUSE))

    def full(path, state):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("resnet_demo.workers.saver.save_state", full)
        ended = work(run, tmp_path)[-1]
    assert ended.outcome == "failed" and "No space left on device" in ended.message and ended.epoch == 2
    assert run.state_path.exists()
    assert work(run, tmp_path)[-1].outcome == "finished"
    whole = store.create(tiny_config)
    work(whole, tmp_path)
    assert [m.train_loss for m in run.view().metrics] == [m.train_loss for m in whole.view().metrics]


def test_pausing_while_a_resumed_run_loads_keeps_its_place(run, tmp_path):
    work(run, tmp_path, wanted_after=(7, PAUSE))
    for event in Worker(run, tmp_path / "data").work():
        if getattr(event, "phase", "") == "starting":
            run.request(PAUSE)
    assert run.view().last.step == 7 and run.view().paused and run.state_path.exists()


def test_changed_data_are_noticed_before_they_spoil_a_run(store, tiny_config, tmp_path):
    folder = tmp_path / "images"
    for index in range(80):
        path = folder / ("light" if index % 2 else "dark") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (32, 32), 200 if index % 2 else index).save(path)
    run = store.create(replace(tiny_config, data=f"folder:{folder}", epochs=3, train_images=0, test_images=0))
    work(run, tmp_path, wanted_after=(2, PAUSE))
    (folder / "dark" / "0.png").unlink()
    ended = work(run, tmp_path)[-1]
    assert ended.outcome == "failed" and "not those that this run began with" in ended.message


def test_weights_are_saved_by_the_clock_between_logged_points_too(run, tmp_path, monkeypatch):
    monkeypatch.setattr("resnet_demo.workers.saver.SAVE_EVERY_S", 0.0)
    saved = [event.step for event in work(run, tmp_path) if isinstance(event, events.CheckpointSaved)]
    assert {1, 2, 3} <= set(saved)


def saved_steps(told):
    return [event.step for event in told if isinstance(event, events.CheckpointSaved)]


def test_the_ends_of_short_epochs_write_no_state_but_the_first_and_the_last(store, tiny_config, tmp_path, monkeypatch):
    """Three epochs of nine steps, none of which takes an hour."""
    monkeypatch.setattr(saver, "SAVE_EVERY_S", 3600.0)
    monkeypatch.setattr(saver, "SAVE_AT_EPOCH_END_S", 3600.0)
    config = replace(tiny_config, arch="resnet20", epochs=3)
    assert saved_steps(work(store.create(config), tmp_path)) == [9, 27]
    monkeypatch.setattr(saver, "SAVE_AT_EPOCH_END_S", 0.0)
    assert saved_steps(work(store.create(config), tmp_path)) == [9, 18, 27]


def test_a_kill_after_epochs_that_were_not_saved_costs_time_and_nothing_else(store, tiny_config, tmp_path, monkeypatch):
    """Killed in the fourth of five epochs, saved at the end of the first: what that save promised is there, and the
    run ends as one that nobody killed."""
    monkeypatch.setattr(saver, "SAVE_EVERY_S", 3600.0)
    monkeypatch.setattr(saver, "SAVE_AT_EPOCH_END_S", 3600.0)
    config = replace(tiny_config, arch="resnet20", epochs=5)
    whole, killed = store.create(config), store.create(config)
    work(whole, tmp_path)
    training = Worker(killed, tmp_path / "data").work()
    assert any(isinstance(event, events.StepEnded) and event.step == 30 for event in training)
    training.close()
    assert killed.view().saved.step == 9 and killed.model_info().step == 9 and 1 in killed.saved_epochs()
    assert work(killed, tmp_path)[-1].outcome == "finished"
    assert curves(killed.view()) == curves(whole.view())
    assert killed.saved_epochs() == whole.saved_epochs()
    for path in (whole.model_path, *map(whole.epoch_path, whole.saved_epochs())):
        same = killed.path / path.relative_to(whole.path)
        assert_equal_states(load_model(same)[0].state_dict(), load_model(path)[0].state_dict())


def test_the_weights_of_a_former_best_epoch_stay_until_the_next_save(store, tiny_config, tmp_path, monkeypatch):
    """After a kill the epochs since the last save come again, on a GPU perhaps as worse ones."""
    monkeypatch.setattr(saver, "SAVE_EVERY_S", 3600.0)
    monkeypatch.setattr(saver, "SAVE_AT_EPOCH_END_S", 3600.0)
    right = iter(range(1000))  # more with each epoch
    monkeypatch.setattr(trainer, "loss_and_correct", lambda *_: torch.tensor([1.0, next(right)]))
    run = store.create(replace(tiny_config, arch="resnet20", epochs=9, train_images=40))
    training = Worker(run, tmp_path / "data").work()
    assert any(isinstance(event, events.StepEnded) and event.epoch == 4 for event in training)
    assert run.view().saved.epoch == 1 and run.saved_epochs() == [1, 2, 3]
    monkeypatch.setattr(saver, "SAVE_AT_EPOCH_END_S", 0.0)
    assert any(isinstance(event, events.StepEnded) and event.epoch == 5 for event in training)
    assert run.saved_epochs() == [2, 4]
    training.close()


def test_a_save_between_a_steps_point_and_its_end_makes_no_step_faster(run, tmp_path, monkeypatch):
    """Each step takes a second and each save seven, and there is one after every event."""
    now = [0.0]
    monkeypatch.setattr("resnet_demo.workers.meter.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr("resnet_demo.workers.saver.SAVE_EVERY_S", 0.0)
    monkeypatch.setattr("resnet_demo.workers.record.PROGRESS_EVERY_S", 0.0)
    step, save, written = Trainer._train_step, saver.RunSaver._save, []

    def pass_time(seconds, do):
        def doing(*arguments):
            now[0] += seconds
            return do(*arguments)

        return doing

    monkeypatch.setattr(Trainer, "_train_step", pass_time(1.0, step))
    monkeypatch.setattr(saver.RunSaver, "_save", pass_time(7.0, save))
    monkeypatch.setattr(type(run), "write_progress", lambda self, progress: written.append(progress))
    work(run, tmp_path)
    speeds = {progress.images_per_s for progress in written if progress.images_per_s}
    assert speeds == {run.config().batch_size / 1.0}


def test_the_control_file_is_looked_at_by_the_clock_and_not_at_every_step(run, tmp_path, monkeypatch):
    """However fast the steps are; a signal is heeded at once."""
    monkeypatch.setattr("resnet_demo.workers.worker.LOOK_EVERY_S", 3600.0)
    looks, wanted = [], RunDirectory.wanted
    monkeypatch.setattr(RunDirectory, "wanted", lambda self: looks.append(1) or wanted(self))
    training = Worker(run, tmp_path)
    for event in training.work():
        if isinstance(event, events.StepEnded) and event.step == 2:
            run.request(STOP)
        if isinstance(event, events.StepEnded) and event.step == 5:
            assert len(looks) == 1
            training.signals.came = True
    assert run.view().paused and run.view().last.step == 5


class Killed(BaseException):
    """Goes past every handler of a failure, as a kill does."""


@pytest.fixture(scope="module")
def before_the_end(tmp_path_factory):
    """A run that is paused one step before its end."""
    folder = tmp_path_factory.mktemp("before-the-end")
    run = RunStore(folder / "runs").create(preset_config(**TINY))
    work(run, folder, wanted_after=(17, PAUSE))
    return run


TINY = {
    "preset": "tour", "arch": "resnet18", "epochs": 2, "batch_size": 16, "train_images": 160, "test_images": 40,
    "log_every_steps": 4, "threads": 1,
}  # fmt: skip


@pytest.mark.parametrize("write", range(4), ids=["epochs/0002", "resume.pt", "model.safetensors", "the log's line"])
def test_a_kill_between_the_writes_of_an_epochs_end_loses_nothing(before_the_end, tmp_path, monkeypatch, write):
    run = RunDirectory(shutil.copytree(before_the_end.path, tmp_path / "runs" / before_the_end.id))
    writes = []

    def before_each(path, *_):
        writes.append(path)
        if len(writes) > write:
            raise Killed

    with monkeypatch.context() as patched:
        for module in (resume_state, checkpoint):
            whole = module.replace_file
            patched.setattr(module, "replace_file", lambda *a, whole=whole: (before_each(*a), whole(*a)))
        append = run.append
        patched.setattr(run, "append", lambda e: (isinstance(e, events.CheckpointSaved) and before_each(e), append(e)))
        with pytest.raises(Killed):
            work(run, tmp_path)
    assert not run.view().is_over and run.state_path.exists()
    assert work(run, tmp_path)[-1].outcome == "finished"
    view, info = run.view(), run.model_info()
    assert [epoch.epoch for epoch in view.epochs] == [1, 2] and view.saved.step == 18
    assert (info.epoch, info.step, info.accuracy) == (2, 18, view.test_accuracy)
    assert run.saved_epochs() == [1, 2] and read_model_info(run.epoch_path(2)) == info
    assert {path.name for path in run.path.iterdir()} >= {"events.jsonl"} and not run.state_path.exists()


def test_a_run_is_finished_by_its_files_whatever_became_of_the_logs_last_line(before_the_end, tmp_path, monkeypatch):
    run = RunDirectory(shutil.copytree(before_the_end.path, tmp_path / "runs" / before_the_end.id))

    def killed(event):
        raise Killed if isinstance(event, events.RunEnded) else AssertionError(event)

    append = run.append
    monkeypatch.setattr(run, "append", lambda e: killed(e) if isinstance(e, events.RunEnded) else append(e))
    with pytest.raises(Killed):
        work(run, tmp_path)
    run = RunDirectory(run.path)  # the line is missing, and nothing is left behind
    assert not run.state_path.exists() and names(run)[-1] == "CheckpointSaved"
    (shown,) = Watcher(RunStore(run.path.parent)).snapshot().runs
    assert shown.view.ended.outcome == "finished" and shown.view.ended.step == 18 and not shown.can_resume
    assert not run.can_resume(run.view()) and work(run, tmp_path) == []
    lines = run.events_path.read_bytes()
    for damaged in (lines + b'{"event":"RunEn#ed","time":1}\n', lines + b'{"event":"Ru', b"noise\n"):
        run.events_path.write_bytes(damaged)
        assert run.view().ended.outcome == "finished"


def test_a_run_that_stops_early_is_finished_and_keeps_the_best_weights(store, tiny_config, tmp_path, monkeypatch):
    config = replace(tiny_config, arch="resnet20", epochs=9, train_images=40, early_stopping_patience=1, threads=1)
    run = store.create(config)
    monkeypatch.setattr(trainer, "loss_and_correct", lambda *_: torch.tensor([1.0, 1.0]))  # no epoch is better
    append = run.append

    def killed_at_the_end(event):
        if isinstance(event, events.RunEnded):
            raise Killed
        append(event)

    monkeypatch.setattr(run, "append", killed_at_the_end)
    with pytest.raises(Killed):
        work(run, tmp_path)
    monkeypatch.undo()
    view = RunDirectory(run.path).view()  # the line is missing: the files tell
    reached = [epoch.validation_accuracy for epoch in view.epochs]
    assert view.ended.outcome == "finished" and "no gain in held-out accuracy for 1 epoch." in view.ended.message
    assert reached == [0.25, 0.25] and run.model_info().epoch == 2 and not run.state_path.exists()
    assert run.saved_epochs()[0] == 1
    assert not run.can_resume(view) and work(run, tmp_path) == []

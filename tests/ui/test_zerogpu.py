"""Training on a GPU that is lent for seconds, on a stand-in for the platform's package."""

import threading
from dataclasses import replace

import gradio as gr
import pytest
import torch

from resnet_demo.language import CHINESE, in_language, t
from resnet_demo.runs import events
from resnet_demo.runs.deletion import delete_run
from resnet_demo.training import trainer
from resnet_demo.training.resume_state import load_state
from resnet_demo.ui import zerogpu
from resnet_demo.ui.zerogpu import QuotaEnded, make_slice, train_in_slices
from resnet_demo.workers import saver, slices
from resnet_demo.workers.record import STOPPED
from resnet_demo.workers.worker import Worker
from tests.support.ticks import Clock
from tests.support.waiting import wait_for
from tests.support.workers import curves
from tests.support.zerogpu import ZeroGpu


@pytest.fixture
def config(tiny_config):
    """One thread: OpenMP's threads do not come along into a fork."""
    return replace(tiny_config, arch="resnet20", threads=1, epochs=2, validation_images=0, device="cpu")


@pytest.fixture
def run(store, config, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # as the package has it outside of a slice
    monkeypatch.setattr(zerogpu, "_datasets", {})
    return store.create(config)


def test_the_quota_ends_after_slices_and_the_visitor_goes_on_the_next_day(run, config, store, tmp_path, monkeypatch):
    monkeypatch.setattr(zerogpu, "RESERVE_S", 48)  # of 60 asked for: twelve ticks of training
    monkeypatch.setattr(zerogpu, "LEAST_S", 59)
    monkeypatch.setattr(slices, "time", Clock())
    gpu = ZeroGpu(left_s=200)
    train_slice = make_slice(gpu.GPU, tmp_path)
    *_, ended = train_in_slices(train_slice, run, tmp_path)
    assert gpu.asked == [60, 60] and len(set(gpu.pids)) == 2
    assert ended == QuotaEnded(20, 3 * 3600)
    assert run.view().paused and run.can_resume(run.view())
    gpu.left_s = 100_000
    *_, last = train_in_slices(train_slice, run, tmp_path)
    assert isinstance(last, events.RunEnded) and last.outcome == "finished"
    monkeypatch.undo()
    whole = store.create(config)
    list(Worker(whole, tmp_path).work())
    assert curves(run.view()) == curves(whole.view())


def test_the_log_is_english_whatever_the_visitor_speaks(run, tmp_path, monkeypatch):
    """The context of who asked comes along into the slice."""
    monkeypatch.setattr(trainer, "reason_to_stop", lambda accuracies, _: t(STOPPED) if accuracies else "")
    with in_language(CHINESE):
        *_, last = train_in_slices(make_slice(ZeroGpu(left_s=1000).GPU, tmp_path), run, tmp_path)
        assert t(STOPPED) != STOPPED
    assert last.message == run.view().ended.message == STOPPED


def refusing(*messages):
    """A slice that the platform refuses in these words, one after the other; '' is admitted and trains nothing."""
    left = list(messages)
    asked = []

    def train_slice(path, seconds):
        asked.append(seconds)
        if message := left.pop(0):
            raise gr.Error(message)
        yield events.StepEnded

    return train_slice, asked


QUOTA = "You have exceeded your free ZeroGPU quota (90s requested vs. {}s left). Try again in 1 day, 2:00:00. "


def test_what_is_left_is_tried_once(run, tmp_path):
    train_slice, asked = refusing(QUOTA.format(45), "", QUOTA.format(2))
    *_, ended = train_in_slices(train_slice, run, tmp_path)
    assert asked == [60, 30, 30]  # 45 s are 30 by the platform's factor of 1.5
    assert ended == QuotaEnded(2, 26 * 3600)


def test_what_is_too_little_to_save_within_is_not_asked_for(run, tmp_path):
    train_slice, asked = refusing(QUOTA.format(29))
    assert list(train_in_slices(train_slice, run, tmp_path)) == [QuotaEnded(29, 26 * 3600)]
    assert asked == [60]


def test_a_run_that_fails_pays_for_one_slice(store, config, run, tmp_path):
    run = store.create(replace(config, batch_size=1024))  # more than there are images
    gpu = ZeroGpu(left_s=200)
    list(train_in_slices(make_slice(gpu.GPU, tmp_path), run, tmp_path))
    assert len(gpu.asked) == 1
    assert run.view().ended.outcome == "failed" and run.can_resume(run.view())


@pytest.mark.parametrize("said", ["No GPU was available after 60s", "GPU task aborted", "Expired ZeroGPU proxy token"])
def test_other_refusals_are_the_platforms_own_sentence(run, tmp_path, said):
    train_slice, _ = refusing(said)
    with pytest.raises(gr.Error, match=said):
        list(train_in_slices(train_slice, run, tmp_path))


def test_a_pause_that_a_person_asks_for_ends_the_slices(run, tmp_path):
    gpu = ZeroGpu(left_s=100_000)
    told = train_in_slices(make_slice(gpu.GPU, tmp_path), run, tmp_path)
    next(told)
    run.request("pause")
    *_, last = told
    assert isinstance(last, events.RunPaused) and len(gpu.asked) == 1


def test_a_visitor_who_leaves_leaves_a_run_that_is_saved(run, tmp_path, monkeypatch):
    monkeypatch.setattr(slices, "YIELD_EVERY_S", 0.0)  # within a second this run is over
    told = train_in_slices(make_slice(ZeroGpu(left_s=100_000).GPU, tmp_path), run, tmp_path)
    next(event for event in told if isinstance(event, events.StepEnded))
    told.close()
    assert run.view().paused and run.view().saved and not run.is_alive()


def test_a_slice_that_is_killed_leaves_its_last_save(run, tmp_path, monkeypatch):
    """As where the platform is slower than its own clock: it did not come to pause."""

    class AfterASave(threading.Thread):
        def __init__(self, seconds, kill):
            super().__init__(daemon=True)
            self.kill = kill

        def run(self):
            wait_for(lambda: (saved := run.view().saved) and saved.step, "the save of a step", 60)
            self.kill()

        def cancel(self):
            pass

    monkeypatch.setattr(saver, "SAVE_EVERY_S", 0.0)  # after each step
    monkeypatch.setattr(threading, "Timer", AfterASave)
    gpu = ZeroGpu(left_s=100_000)
    with pytest.raises(gr.Error, match="GPU task aborted"):
        list(train_in_slices(make_slice(gpu.GPU, tmp_path), run, tmp_path))
    assert not run.is_alive() and run.can_resume(run.view()) and not run.view().paused
    assert load_state(run.state_path)["step"] >= run.view().saved.step > 0


def test_the_images_are_loaded_once_and_outside(run, tmp_path, monkeypatch):
    loaded = []
    really = slices.prepare_slices
    monkeypatch.setattr(slices, "prepare_slices", lambda *given: (loaded.append(given), really(*given))[1])
    train_slice, _ = refusing("", "", QUOTA.format(2))
    list(train_in_slices(train_slice, run, tmp_path))
    assert len(loaded) == 1


def test_who_thinks_again_while_a_gpu_is_waited_for_pays_for_no_step(run, store, tmp_path):
    train_slice = make_slice(ZeroGpu(left_s=100_000).GPU, tmp_path)
    run.request("pause")
    assert list(train_slice(str(run.path), 60)) == [] and run.events() == []
    delete_run(store, run)
    assert list(train_slice(str(run.path), 60)) == [] and not run.path.exists()

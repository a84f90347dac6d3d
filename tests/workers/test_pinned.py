"""The pinned image is asked about when it is time, and training never notices."""

import os
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from PIL import Image, ImageDraw

from resnet_demo.data.framing import fit
from resnet_demo.inference.predictor import Classifier
from resnet_demo.models.checkpoint import load_model
from resnet_demo.runs import events
from resnet_demo.runs.pinned import PinnedFile, pin, unpin
from resnet_demo.runs.worker_files import PAUSE
from resnet_demo.workers import pinned as module
from resnet_demo.workers.worker import Worker


@pytest.fixture
def never_by_the_clock(monkeypatch):
    monkeypatch.setattr(module, "SOONEST_S", 1e9)
    monkeypatch.setattr(module, "LATEST_S", 1e9)


def drawn(colour="black") -> Image.Image:
    """A seven, written on white paper."""
    image = Image.new("RGB", (120, 90), "white")
    ImageDraw.Draw(image).line([(40, 15), (80, 15), (55, 75)], fill=colour, width=9)
    return image


def work(run, tmp_path, at=None, act=None) -> list[events.PredictionLogged]:
    """Drain a worker, `act()` once the step `at` has ended; returns its answers."""
    told = []
    for event in Worker(run, tmp_path / "data").work():
        told.append(event)
        if act and isinstance(event, events.StepEnded) and event.phase == "training" and event.step == at:
            act()
    assert isinstance(told[-1], events.RunEnded | events.RunPaused)
    return [event for event in told if isinstance(event, events.PredictionLogged)]


def steps(run) -> list[int]:
    return [answer.step for answer in run.view().predictions]


# --- the file ---------------------------------------------------------------------------------------------------


def test_an_image_is_kept_as_the_network_sees_it_and_can_be_replaced_and_removed(run):
    file = PinnedFile(run)
    assert file.read() is None
    pin(run, drawn())
    first = file.read()
    assert first.image == fit(drawn()) and file.read() is first  # not decoded again
    pin(run, drawn("red"))
    second = file.read()
    assert second.image == fit(drawn("red")) and second.id != first.id
    unpin(run)
    unpin(run)
    assert file.read() is None
    pin(run, drawn())
    assert file.read() == first
    assert list(run.path.glob(".*")) == []


def test_a_damaged_file_is_told_from_none(run):
    pin(run, drawn())
    run.pinned_path.write_bytes(run.pinned_path.read_bytes()[:200])
    assert PinnedFile(run).read().image is None


# --- when it is asked -------------------------------------------------------------------------------------------


def test_the_untrained_network_is_asked_and_then_after_each_epoch(run, tmp_path, never_by_the_clock):
    pin(run, drawn())
    answers = work(run, tmp_path)
    assert [answer.step for answer in answers] == [0, 9, 18] and answers == list(run.view().predictions)
    assert {answer.image for answer in answers} == {PinnedFile(run).read().id}
    assert all(len(a.probabilities) == 10 and sum(a.probabilities) == pytest.approx(1, abs=1e-3) for a in answers)
    assert answers[0].probabilities != answers[-1].probabilities


def test_the_last_answer_is_what_the_saved_checkpoint_says(store, tiny_config, tmp_path, never_by_the_clock):
    run = store.create(replace(tiny_config, precision="float32"))  # as the checkpoint is asked
    pin(run, drawn())
    *_, last = work(run, tmp_path)
    prediction = Classifier.from_file(run.model_path).classify(drawn())
    assert prediction.inverted
    by_class = [dict(prediction.ranked)[str(digit)] for digit in range(10)]
    assert last.probabilities == pytest.approx(by_class, abs=2e-5)


def test_it_is_asked_by_the_clock_in_between(run, tmp_path, monkeypatch):
    """A clock that goes on by a quarter of a second at each call."""
    monkeypatch.setattr(module, "SHARE_OF_ELAPSED", 0.0)
    now = [0.0]

    def clock():
        now[0] += 0.25
        return now[0]

    monkeypatch.setattr("resnet_demo.training.trainer.time.monotonic", clock)
    pin(run, drawn())
    work(run, tmp_path)
    answers = run.view().predictions
    between = [a for a in answers if a.step not in (0, 9, 18)]
    assert between and len(set(steps(run))) == len(answers)  # never twice at one step
    waits = [b.elapsed_s - a.elapsed_s for a, b in pairwise(answers) if b in between]
    assert min(waits) >= module.SOONEST_S


@pytest.mark.parametrize(("elapsed_s", "waited_s"), [(1, 2), (40, 2), (200, 10), (600, 30), (36_000, 30)])
def test_answers_come_densest_at_the_beginning_and_at_least_every_30_s(run, elapsed_s, waited_s):
    pin(run, drawn())
    asker = module.PinnedImagePredictor(run)
    trainer = _Oracle()

    def at(step, elapsed_s):
        place = {"time": 0.0, "epoch": 1, "step": step, "images_seen": 0, "elapsed_s": elapsed_s}
        return events.StepEnded(**place, phase="training", done=1, total=9)

    assert asker.ask(trainer, False, at(1, elapsed_s - waited_s))
    assert asker.ask(trainer, False, at(2, elapsed_s - 0.1)) is None
    assert asker.ask(trainer, False, at(3, elapsed_s)).step == 3


def test_numbers_that_are_none_are_no_answer(run):
    pin(run, drawn())
    begun = events.RunPaused(time=0.0, epoch=1, step=0, images_seen=0, elapsed_s=0.0)
    assert module.PinnedImagePredictor(run).ask(_Oracle(float("nan")), False, begun) is None


class _Oracle:
    """Answers at once, always the same."""

    def __init__(self, share=0.5):
        self.share = share

    def probabilities(self, images):
        assert (images.shape, images.dtype) == ((1, 3, 32, 32), torch.uint8)
        return torch.tensor([[self.share, 1 - self.share]])


# --- during a run -----------------------------------------------------------------------------------------------


def test_an_image_that_comes_during_the_run_is_asked_about_within_one_step(run, tmp_path, never_by_the_clock):
    work(run, tmp_path, at=3, act=lambda: pin(run, drawn()))
    assert steps(run) == [3, 9, 18]


def test_a_replaced_image_is_asked_about_at_once_and_a_removed_one_no_more(run, tmp_path, never_by_the_clock):
    pin(run, drawn())
    first = PinnedFile(run).read().id
    work(run, tmp_path, at=3, act=lambda: pin(run, drawn("red")))
    second = PinnedFile(run).read().id
    assert [(a.step, a.image) for a in run.view().predictions] == [
        (0, first), (3, second), (9, second), (18, second),
    ]  # fmt: skip


def test_a_removed_image_is_asked_about_no_more(run, tmp_path, never_by_the_clock):
    pin(run, drawn())
    work(run, tmp_path, at=3, act=lambda: unpin(run))
    assert steps(run) == [0]


def test_a_damaged_image_does_not_disturb_the_run(run, tmp_path):
    run.pinned_path.write_bytes(os.urandom(300))
    assert work(run, tmp_path) == [] and run.view().ended.outcome == "finished"


def test_a_resumed_run_keeps_its_image_and_no_answer_twice(run, tmp_path, never_by_the_clock):
    pin(run, drawn())
    work(run, tmp_path, at=9, act=lambda: run.request(PAUSE))
    assert steps(run) == [0]  # it pauses at once
    work(run, tmp_path, at=11, act=lambda: run.request(PAUSE))
    assert steps(run) == [0, 9]
    work(run, tmp_path)
    assert steps(run) == [0, 9, 18]


def test_training_never_notices(store, tiny_config, run, tmp_path, monkeypatch):
    """Asked at every step, the network learns the same, bit for bit."""
    monkeypatch.setattr(module, "SOONEST_S", 0.0)
    monkeypatch.setattr(module, "SHARE_OF_ELAPSED", 0.0)
    pin(run, drawn())
    assert len(work(run, tmp_path)) == 19
    alone = store.create(tiny_config)
    work(alone, tmp_path)
    (asked, _), (expected, _) = load_model(run.model_path), load_model(alone.model_path)
    for name, tensor in expected.state_dict().items():
        assert torch.equal(asked.state_dict()[name], tensor), name
    assert [m.train_loss for m in run.view().metrics] == [m.train_loss for m in alone.view().metrics]
    assert [e.test_loss for e in run.view().epochs] == [e.test_loss for e in alone.view().epochs]

"""Speed and remaining time, by a clock of the test's own: warm-up excluded, evaluations included."""

from types import SimpleNamespace

import pytest

from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.workers.meter import Meter

STEPS, EVALUATIONS, EPOCHS = 10, 5, 3
DATA = SimpleNamespace(steps_per_epoch=STEPS, test=range(100), validation=range(20))


class Run:
    """Three epochs of ten steps of 2 s (the first three take 100 s) and five evaluation batches of 1 s."""

    def __init__(self, monkeypatch):
        self.now, self.meter = 0.0, Meter()
        monkeypatch.setattr("resnet_demo.workers.meter.time.monotonic", lambda: self.now)
        config = preset_config("tour", epochs=EPOCHS, batch_size=16)
        self.meter.start(SimpleNamespace(config=config, data=DATA))

    def drive(self, epochs=EPOCHS):
        """Each heartbeat with the seconds that the run will really still take, of the run and of the epoch."""
        for epoch in range(1, epochs + 1):
            left_after = (EPOCHS - epoch) * (STEPS * 2 + EVALUATIONS)
            for phase, total in (("training", STEPS), ("evaluating", EVALUATIONS)):
                for done in range(1, total + 1):
                    step = (epoch - 1) * STEPS + (done if phase == "training" else STEPS)
                    slow = phase == "training" and step <= Meter.WARM_UP_STEPS
                    self.now += 100 if slow else {"training": 2, "evaluating": 1}[phase]
                    place = {"time": 0, "epoch": epoch, "step": step, "images_seen": 0, "elapsed_s": self.now}
                    event = events.StepEnded(**place, phase=phase, done=done, total=total)
                    self.meter.see(event)
                    of_epoch = EVALUATIONS - done if phase == "evaluating" else 2 * (STEPS - done) + EVALUATIONS
                    yield event, of_epoch + left_after, of_epoch
            self.meter.see(events.EpochEnded(**place, test_loss=1.0, test_accuracy=0.5))


def test_nothing_is_claimed_before_the_warm_up_is_over(monkeypatch):
    run = Run(monkeypatch)
    for event, _, _ in run.drive():
        told = (run.meter.remaining_s(event), run.meter.epoch_remaining_s(event), run.meter.images_per_s)
        assert all(value is None for value in told) is (event.step <= Meter.WARM_UP_STEPS)


def test_once_an_evaluation_has_been_seen_the_remaining_time_is_exact(monkeypatch):
    run = Run(monkeypatch)
    seen = [(run.meter.remaining_s(event), run.meter.epoch_remaining_s(event), of_run, of_epoch)
            for event, of_run, of_epoch in run.drive() if event.epoch > 1]  # fmt: skip
    assert len(seen) == 30 and seen[-1][:2] == (0, 0)
    for run_left, epoch_left, of_run, of_epoch in seen:
        assert run_left == pytest.approx(of_run) and epoch_left == pytest.approx(of_epoch)
    assert run.meter.images_per_s == 8.0


def test_before_the_first_evaluation_its_time_is_guessed_by_its_images(monkeypatch):
    """120 images, three for one of training: 2.5 steps of 2 s are 5 s, for each of three epochs."""
    run = Run(monkeypatch)
    event, _, _ = next(beat for beat in run.drive() if beat[0].step == 6)
    assert run.meter.epoch_remaining_s(event) == pytest.approx(4 * 2 + 5)
    assert run.meter.remaining_s(event) == pytest.approx(24 * 2 + 3 * 5)


def test_what_a_worker_does_with_an_event_in_its_hand_is_no_part_of_a_step(monkeypatch):
    """An autosave of 5 s between a step's MetricsLogged and its StepEnded, and one after every step."""
    run = Run(monkeypatch)
    for event, _, _ in run.drive(epochs=2):
        place = {name: getattr(event, name) for name in ("time", "epoch", "step", "images_seen", "elapsed_s")}
        run.now += 5
        run.meter.go_on()
        run.meter.see(
            events.MetricsLogged(**place, train_loss=1.0, train_accuracy=0.5, learning_rate=0.1, images_per_s=1)
        )
        run.now += 5
        run.meter.go_on()
        if event.step > Meter.WARM_UP_STEPS:
            assert run.meter.images_per_s == 8.0
    assert run.meter.remaining_s(event) == pytest.approx(STEPS * 2 + EVALUATIONS)

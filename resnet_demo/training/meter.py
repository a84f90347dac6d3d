"""How fast a run goes and how long it still takes."""

import time

from resnet_demo.training import events


class Meter:
    """Watches a trainer's events; speeds are this process's own, warm-up excluded and evaluations included."""

    WARM_UP_STEPS = 3  # the first steps allocate memory and choose kernels

    def __init__(self) -> None:
        self.images_per_s: float | None = None
        self._recent: list[float] = []  # seconds of the last steps
        self._evaluation_s: float | None = None

    def start(self, trainer) -> None:
        self._batch_size = trainer.config.batch_size
        self._steps_per_epoch, self._epochs = trainer.steps_per_epoch, trainer.config.epochs
        evaluated = len(trainer.test) + len(trainer.validation)
        trained = trainer.steps_per_epoch * self._batch_size
        self._evaluation_steps = trainer.steps_per_epoch * evaluated / trained / 3  # forward is a third of a step
        self._steps, self._since = 0, time.monotonic()

    def see(self, event: events.Event) -> None:
        now = time.monotonic()
        if isinstance(event, events.StepEnded) and event.phase == "training":
            self._steps += 1
            if self._steps > self.WARM_UP_STEPS:
                self._recent = [*self._recent[-49:], now - self._since]
                self.images_per_s = self._batch_size * len(self._recent) / sum(self._recent)
        if isinstance(event, events.StepEnded) and event.phase == "evaluating" and event.done == 1:
            self._evaluation_began = self._since
        if isinstance(event, events.EpochEnded):
            self._evaluation_s = now - self._evaluation_began
        if not isinstance(event, events.MetricsLogged):  # comes between a step and its StepEnded
            self._since = now

    def remaining_s(self, event: events.StepEnded) -> float | None:
        if not self._recent:
            return None
        step_s = sum(self._recent) / len(self._recent)
        evaluation_s = self._evaluation_s if self._evaluation_s is not None else self._evaluation_steps * step_s
        evaluations = self._epochs - event.epoch + (1 - event.done / event.total if event.phase == "evaluating" else 1)
        return (self._epochs * self._steps_per_epoch - event.step) * step_s + evaluations * evaluation_s

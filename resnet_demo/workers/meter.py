"""How fast a run goes and how long it still takes."""

import time

from resnet_demo.runs import events


class Meter:
    """Watches a trainer's events; speeds are this process's own, warm-up excluded and evaluations included.

    Its clock runs only while the trainer works: between `go_on()` and the next `see()`. What a worker does with an
    event in its hand (saving takes seconds) is no part of a step.
    """

    WARM_UP_STEPS = 3  # the first steps allocate memory and choose kernels

    def __init__(self) -> None:
        self.images_per_s: float | None = None
        self._recent: list[float] = []  # seconds of the last steps
        self._evaluation_s: float | None = None

    def start(self, trainer) -> None:
        self._batch_size = trainer.config.batch_size
        self._steps_per_epoch, self._epochs = trainer.data.steps_per_epoch, trainer.config.epochs
        evaluated = len(trainer.data.test) + len(trainer.data.validation)
        trained = trainer.data.steps_per_epoch * self._batch_size
        self._evaluation_steps = trainer.data.steps_per_epoch * evaluated / trained / 3  # forward is a third of a step
        self._steps, self._worked_s = 0, 0.0  # since the last step or evaluation
        self.go_on()

    def go_on(self) -> None:
        """The trainer works again: call it when the event is out of the worker's hand."""
        self._since = time.monotonic()

    def see(self, event: events.Event) -> None:
        """Call it when the event comes. A step's MetricsLogged comes before its StepEnded, in mid-step."""
        now = time.monotonic()
        self._worked_s += now - self._since
        self._since = now
        if isinstance(event, events.StepEnded) and event.phase == "training":
            self._steps += 1
            if self._steps > self.WARM_UP_STEPS:
                self._recent = [*self._recent[-49:], self._worked_s]
                self.images_per_s = self._batch_size * len(self._recent) / sum(self._recent)
            self._worked_s = 0.0
        elif isinstance(event, events.EpochEnded):
            self._evaluation_s, self._worked_s = self._worked_s, 0.0
        elif isinstance(event, events.RunStarted | events.RunResumed):
            self._worked_s = 0.0

    def remaining_s(self, event: events.StepEnded) -> float | None:
        """Of the whole run, evaluations included; None until the first steps have told."""
        left = self.epoch_remaining_s(event)
        if left is None:
            return None
        return left + (self._epochs - event.epoch) * (self._steps_per_epoch * self._step_s() + self._evaluation())

    def epoch_remaining_s(self, event: events.StepEnded) -> float | None:
        """Of the epoch under way: the steps that are left, and its evaluation."""
        if not self._recent:
            return None
        if event.phase == "evaluating":
            return (1 - event.done / event.total) * self._evaluation()
        return (event.total - event.done) * self._step_s() + self._evaluation()

    def _step_s(self) -> float:
        return sum(self._recent) / len(self._recent)

    def _evaluation(self) -> float:
        """Seconds: as the last one took, or before the first by its share of a step's work."""
        return self._evaluation_steps * self._step_s() if self._evaluation_s is None else self._evaluation_s

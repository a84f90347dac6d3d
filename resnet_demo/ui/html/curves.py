"""A run's curves: which of its numbers are drawn, along which axis, and the learning rate that is planned."""

import math
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from resnet_demo.language import current_language, t
from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.fold import RunView
from resnet_demo.runs.reference import article_reference, is_cifar10
from resnet_demo.runs.schedule import learning_rate
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.ui.html.axis import Axis
from resnet_demo.ui.html.chart import MAX_POINTS, MAX_SMOOTHING, Point, Series, line_chart

X_AXES = ("epoch", "step", "time")
SCHEDULE_HEIGHT = 130
REMEMBERED = 8  # drawings: a few ways to look at the run in front
CURVES_HINT = (
    "**Loss** is how wrong and how unsure the answers are; **accuracy** is the share that is right. Train is "
    "measured while the weights change, on augmented images and with label smoothing where the run's settings have "
    "these; test on images never trained on, with the average of the weights (EMA) where that is on. So test may "
    "look better than train.\n\nPoint at a curve to read it, or use the arrow keys. Drag to zoom in, double-click to "
    "zoom out."
)

MORE_CURVES_HINT = (
    "The **learning rate** scales each update of the weights; the dashed line is what is planned for the whole "
    "run.\n\nThe **gradient norm** is the L2 norm of the loss's gradient over all weights. A sudden leap often means "
    "that the learning rate is too high.\n\n**Smoothing** draws the running mean of what jumps from step to step, "
    "here and in the two curves above; what was measured stays faint behind it. **Time** is that of work, without "
    "pauses."
)


@dataclass(frozen=True)
class ChartChoice:
    """How a page wants its curves: smoothed by how much, along which of X_AXES, the loss on a logarithmic scale or
    not, accuracy or error, and which range of the axis, in its units, seconds of time. Raises ValueError for others."""

    smoothing: float = 0.0
    by: str = "epoch"
    log: bool = False
    error: bool = False
    zoom: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        number = isinstance(self.smoothing, int | float) and not isinstance(self.smoothing, bool)
        if not number or not 0 <= self.smoothing <= MAX_SMOOTHING or self.by not in X_AXES:
            raise ValueError(
                t(
                    "Smoothing goes from 0 to {most}, the axis is one of {axes}.",
                    most=MAX_SMOOTHING,
                    axes=", ".join(X_AXES),
                )
            )
        if not isinstance(self.log, bool):
            raise ValueError(t("The loss has a logarithmic scale or not: true or false."))
        if not isinstance(self.error, bool):
            raise ValueError(t("What is drawn is the error or the accuracy: true or false."))
        if self.zoom is not None and not 0 <= self.zoom[0] < self.zoom[1] < math.inf:
            raise ValueError(t("A range of a plot is two numbers from 0 on, the lower one first."))

    def across(self, x: Axis) -> Axis:
        """The part of an axis that is wanted."""
        return x.zoomed(*self.zoom) if self.zoom else x

    def upward(self, y: Axis, x: Axis, series: list[Series]) -> Axis:
        """`y` as it is, or where the plot is zoomed as high as what is then seen."""
        return y.around(_values(series, x)) if self.zoom else y

    def loss_axis(self, x: Axis, losses: list[Series]) -> Axis:
        """From 0 or logarithmic, for what is seen."""
        if self.log:
            return Axis.logarithmic("loss", [value for value in _values(losses, x) if value > 0])
        return self.upward(from_zero("loss", losses, 2.5), x, losses)

    def accuracy_chart(self, x: Axis, accuracies: list[Series], *, cifar10: bool = False, **drawn: Any) -> str:
        """Accuracy or its complement, the error, as papers draw it (arXiv:1512.03385, figure 1). The article's result
        stands beside what learns `cifar10`, where it is seen."""
        title, y, reference = t("Accuracy"), Axis.share("accuracy"), article_reference(self.error) if cifar10 else None
        if self.error:
            accuracies = errors_of(accuracies)
            title, y = t("Error (1 - accuracy)"), from_zero("error", accuracies, unit=0.01, suffix=" %")
        y = self.upward(y, x, accuracies)
        if reference and not y.low <= reference[0] <= y.high:
            reference = None
        return line_chart(title, x, y, accuracies, smoothing=self.smoothing, reference=reference, **drawn)


def _values(series: list[Series], x: Axis) -> list[float]:
    return [value for one in series for at, value in one.points if x.low <= at <= x.high]


@dataclass(frozen=True)
class Along:
    """The x axis of one run. It spans the whole planned run, so that one sees how much is to come; time is that of
    work, without pauses: of steps that are done as it was, of steps to come as the mean so far."""

    by: str  # one of X_AXES
    epochs: int
    steps_per_epoch: int
    done: tuple[events.Event, ...] = ()  # points of known step and time, in order

    @classmethod
    def run(cls, view: RunView, epochs: int, by: str) -> "Along":
        """`epochs` is the config's: a run that has not started tells none."""
        done = sorted([*view.metrics, *view.epochs[-1:]], key=lambda event: (event.step, event.elapsed_s))
        return cls(by, epochs, view.started.steps_per_epoch if view.started else 1, tuple(done))

    @property
    def total_steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def of(self, event: events.Event) -> float:
        """Where an event stands."""
        return event.elapsed_s if self.by == "time" else self.at(event.step)

    def at(self, step: int) -> float:
        """Where the end of a step stands, or will stand."""
        if self.by == "time":
            return self._time(step)
        return step / self.steps_per_epoch if self.by == "epoch" else float(step)

    def _time(self, step: int) -> float:
        if not self.done or not self.done[-1].step:
            return 0.0
        last = self.done[-1]
        if step > last.step:
            return step * last.elapsed_s / last.step
        after = self.done[bisect_left(self.done, step, key=lambda event: event.step)]
        return after.elapsed_s

    def axis(self) -> Axis:
        highest = self.at(self.total_steps)
        return Axis.time(highest) if self.by == "time" else Axis(self.by, 0.0, highest)


def run_charts(snapshot: Snapshot | None, choice: ChartChoice | None = None) -> tuple[str, str, str, str, str]:
    """Loss, accuracy, learning rate, speed and gradient norm of one run; empty axes before the first run."""
    choice = choice or ChartChoice()
    view = snapshot.view if snapshot else RunView()
    along = Along.run(view, snapshot.config.epochs if snapshot else 1, choice.by)
    losses = [logged(view, along, "train_loss", t("train")), measured(view, along, "test_loss", t("test"))]
    accuracies = [logged(view, along, "train_accuracy", t("train")), measured(view, along, "test_accuracy", t("test"))]
    rates = [planned(snapshot.config, along, t("planned"))] if snapshot and view.started else []
    rates.append(logged(view, along, "learning_rate", t("so far"), noisy=False))
    speeds, norms = [logged(view, along, "images_per_s", "")], [logged(view, along, "gradient_norm", "")]
    x, smoothing, fit = choice.across(along.axis()), choice.smoothing, choice.upward
    unknown = t("not in the log of this run") if view.metrics else ""
    rate = fit(from_zero("learning rate", rates), x, rates)
    speed, norm = fit(from_zero("images/s", speeds), x, speeds), fit(from_zero("norm", norms), x, norms)
    return (
        line_chart(t("Loss (cross-entropy)"), x, choice.loss_axis(x, losses), losses, smoothing=smoothing),
        choice.accuracy_chart(x, accuracies, cifar10=is_cifar10(view)),
        line_chart(t("Learning rate"), x, rate, rates),
        line_chart(t("Speed in images/s"), x, speed, speeds, smoothing=smoothing),
        line_chart(t("Gradient norm"), x, norm, norms, smoothing=smoothing, empty=unknown),
    )


def logged(view: RunView, along: Along, name: str, label: str, noisy: bool = True) -> Series:
    """One number of the points logged while training; points of an older version's log may lack it."""
    values = ((point, getattr(point, name)) for point in view.metrics)
    return Series(label, "train", [(along.of(p), value) for p, value in values if value is not None], noisy=noisy)


def measured(view: RunView, along: Along, name: str, label: str) -> Series:
    """One number of the evaluations after the epochs; not noisy: it is the mean over all test images."""
    values = ((ended, getattr(ended, name)) for ended in view.epochs)
    return Series(label, "test", [(along.of(e), value) for e, value in values if value is not None], dotted=True)


def errors_of(accuracies: list[Series]) -> list[Series]:
    return [replace(one, points=[(at, 1 - value) for at, value in one.points]) for one in accuracies]


def planned(config: TrainConfig, along: Along, label: str) -> Series:
    """The learning rate of each step of the whole run, thinned to what can be seen."""
    total = along.total_steps
    steps = sorted({max(1, round(total * i / MAX_POINTS)) for i in range(1, MAX_POINTS + 1)})
    points = [(along.at(step), _rate_of(config, step, total)) for step in steps]
    return Series(label, "planned", points)


def _rate_of(config: TrainConfig, step: int, total_steps: int) -> float:
    return learning_rate(step - 1, total_steps, config.learning_rate, config.schedule, config.warmup)


def schedule_chart(config: TrainConfig | None = None, steps_per_epoch: int | None = None) -> str:
    """The learning rate that a run with this config would have. Empty axes without a config, and where the images
    have not been counted yet."""
    epochs, peak = (config.epochs, config.learning_rate) if config else (1, 1.0)
    series = [planned(config, Along("epoch", epochs, steps_per_epoch), "")] if config and steps_per_epoch else []
    y = from_zero("learning rate", series, peak)
    x, empty = Axis("epoch", 0.0, epochs), t("drawn once the images are counted")
    return line_chart(t("Planned learning rate"), x, y, series, empty=empty, height=SCHEDULE_HEIGHT)


def from_zero(label: str, series: list[Series], otherwise: float = 1.0, **written: Any) -> Axis:
    """High enough for every point; `otherwise` where there is none. `written` in which unit, with which suffix."""
    values: list[Point] = [point for one in series for point in one.points]
    return Axis.up_to(label, max((value for _, value in values), default=otherwise), **written)


class DrawnCurves:
    """The last few drawings, shared by all pages of a language: they mostly look at the same run in the same way."""

    def __init__(self, draw: Callable[[Snapshot | None, ChartChoice], tuple[str, ...]]) -> None:
        self._draw = draw
        self._drawn: OrderedDict[tuple[str, str, ChartChoice], tuple[str, ...]] = OrderedDict()
        self._guard = threading.Lock()

    def of(self, version: str, snapshot: Snapshot | None, choice: ChartChoice) -> tuple[str, ...]:
        """`version` changes when the run has new points that are worth a drawing."""
        with self._guard:
            key = (current_language(), version, choice)
            if key not in self._drawn:
                self._drawn[key] = self._draw(snapshot, choice)
            self._drawn.move_to_end(key)
            while len(self._drawn) > REMEMBERED:
                self._drawn.popitem(last=False)
            return self._drawn[key]

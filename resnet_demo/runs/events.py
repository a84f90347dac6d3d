"""What a run says: one frozen dataclass an event, one JSON line each, and their sum, `fold(events)`.

Imports no torch: whoever only looks at a run needs none.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from resnet_demo.text import printable_lines


@dataclass(frozen=True, kw_only=True)
class Event:
    """What every event carries: when, and where in the run. A field that comes later to a kind of event has a default:
    what its absence meant."""

    time: float  # Unix seconds
    epoch: int  # the epoch under way or just ended, from 1
    step: int  # optimizer steps since the run began
    images_seen: int
    elapsed_s: float  # seconds of work so far, pauses excluded


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """The data are loaded and the network is built."""

    epochs: int
    steps_per_epoch: int
    train_images: int
    validation_images: int
    test_images: int
    classes: tuple[str, ...]
    device: str
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StepEnded(Event):
    """A heartbeat, never stored. `done` of `total` counts batches of this epoch's training or evaluation."""

    phase: str  # "training" or "evaluating"
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class MetricsLogged(Event):
    """Means over the steps since the last one; the pictures are augmented, the network is the raw one.
    `gradient_norm` is of the last of these steps alone (Euclidean, over all parameters); older logs lack it."""

    train_loss: float
    train_accuracy: float
    learning_rate: float
    images_per_s: float
    gradient_norm: float | None = None


@dataclass(frozen=True, kw_only=True)
class EpochEnded(Event):
    """What the averaged network reaches on pictures it has not trained on (None where none are held out)."""

    test_loss: float
    test_accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class PictureSeen(Event):
    """What the averaged network makes of the pinned picture. Asked by the clock too, so that a run repeated gives
    other steps; never twice at one step, where the weights are the same."""

    picture: str  # which one: PinnedPicture.id
    probabilities: tuple[float, ...]  # in the order of RunStarted.classes


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event):
    """resume.pt and model.safetensors stand on the disk."""


@dataclass(frozen=True, kw_only=True)
class RunPaused(Event):
    """Ended on request, at what is saved; can be resumed from there, or from the beginning where nothing is."""


@dataclass(frozen=True, kw_only=True)
class RunResumed(Event):
    """Goes on from `step` inside `epoch`: what was logged after that point is void."""


@dataclass(frozen=True, kw_only=True)
class RunEnded(Event):
    """`outcome` is finished, stopped or failed; `message` is a sentence for people. A failed run can be resumed once
    the cause is mended, unless the same failure `comes_again`; a stopped one while its resume.pt is kept. A run that
    was discarded has no log to say so: only who drains the worker is told."""

    outcome: str
    message: str = ""
    comes_again: bool = False


STORED = (RunStarted, MetricsLogged, EpochEnded, PictureSeen, CheckpointSaved, RunPaused, RunResumed, RunEnded)
_BY_NAME = {kind.__name__: kind for kind in STORED}


def to_line(event: Event) -> str:
    """One line of JSON, without the newline. JSON knows no NaN and no infinity: they become null."""
    values = {name: _finite(value) for name, value in asdict(event).items()}
    return json.dumps({"event": type(event).__name__, **values}, separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_finite, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value


def from_line(line: str) -> Event:
    """Raises ValueError where the line is not a whole, known event. What a later version says beyond it is left out."""
    try:
        values = json.loads(line, parse_constant=lambda _: None)  # earlier versions wrote NaN
        if "\\u" in line:  # earlier versions wrote names as the disk had them, bytes that are no UTF-8 included
            values = _printable(values)
        kind = _BY_NAME[values.pop("event")]
        for name in ("classes", "warnings", "probabilities"):
            if name in values:
                values[name] = tuple(values[name])
        event = kind(**{name: value for name, value in values.items() if name in kind.__dataclass_fields__})
        if None in (event.time, event.epoch, event.step, event.images_seen, event.elapsed_s):
            raise TypeError("not a place in a run")
        return event
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"Not an event: {line[:80]!r}") from error


def _printable(value: Any) -> Any:
    """Every text in it so that a page and a terminal can take it."""
    if isinstance(value, dict):
        return {name: _printable(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_printable(part) for part in value]
    return printable_lines(value) if isinstance(value, str) else value


@dataclass(frozen=True)
class RunView:
    """A run's log, summed up. Empty before the first event."""

    started: RunStarted | None = None
    metrics: tuple[MetricsLogged, ...] = ()
    epochs: tuple[EpochEnded, ...] = ()
    saved: CheckpointSaved | None = None
    paused: bool = False
    ended: RunEnded | None = None
    last: Event | None = None
    pictures: tuple[PictureSeen, ...] = ()  # of every picture that was ever pinned

    @property
    def is_over(self) -> bool:
        """Whether the run has come to its end: it does not go on by itself, nor once a cause is mended."""
        return self.ended is not None and (self.ended.outcome != "failed" or self.ended.comes_again)

    @property
    def elapsed_s(self) -> float:
        return self.last.elapsed_s if self.last else 0.0

    @property
    def total_steps(self) -> int | None:
        return self.started.epochs * self.started.steps_per_epoch if self.started else None

    @property
    def test_accuracy(self) -> float | None:
        """Of the last evaluated epoch, 0..1."""
        return self.epochs[-1].test_accuracy if self.epochs else None

    @property
    def images_per_s(self) -> float | None:
        """The median over the logged points: a slow first step does not count."""
        rates = sorted(point.images_per_s for point in self.metrics if point.images_per_s is not None)
        return rates[len(rates) // 2] if rates else None

    def gaps(self, log_every_steps: int) -> list[tuple[int, int]]:
        """Between which steps points are missing, because the log was cut off or damaged and the run went on from a
        later saved point. A whole log has one at least every `log_every_steps`."""
        steps = [0, *(point.step for point in self.metrics)]
        return [(before, after) for before, after in pairwise(steps) if after - before > log_every_steps]


def fold(events: Iterable[Event]) -> RunView:
    """Sum a run's events up. What was logged after the point where a run resumed is dropped."""
    started, saved, ended, last, paused = None, None, None, None, False
    metrics: list[MetricsLogged] = []
    epochs: list[EpochEnded] = []
    pictures: list[PictureSeen] = []
    for event in events:
        last = event
        match event:
            case RunStarted():  # also again, where a run begins anew because nothing had been saved
                started, saved, ended, paused = event, None, None, False
                metrics, epochs, pictures = [], [], []
            case MetricsLogged():
                metrics.append(event)
            case EpochEnded():
                epochs.append(event)
            case PictureSeen():
                pictures.append(event)
            case CheckpointSaved():
                saved = event
            case RunPaused():  # also right after a failure, where a resumed run is paused while it still loads
                ended, paused = None, True
            case RunResumed(step=step, epoch=epoch):
                ended, paused = None, False
                metrics = [point for point in metrics if point.step <= step]
                epochs = [point for point in epochs if point.epoch < epoch]
                pictures = [point for point in pictures if point.step <= step]
            case RunEnded():
                ended = event
    return RunView(started, tuple(metrics), tuple(epochs), saved, paused, ended, last, tuple(pictures))

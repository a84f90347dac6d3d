"""What a run says: one frozen dataclass an event, one JSON line each, and their sum, `fold(events)`.

Imports no torch: whoever only looks at a run needs none.
"""

import functools
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from resnet_demo.files import MAX_NUMBER, is_number, parse_json
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
    """Never stored. `done` of `total` counts batches of this epoch's training or evaluation."""

    phase: str  # "training" or "evaluating"
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class MetricsLogged(Event):
    """Means over the steps since the last one; the images are augmented, the network is the raw one.
    `gradient_norm` is of the last of these steps alone (Euclidean, over all parameters); older logs lack it."""

    train_loss: float
    train_accuracy: float
    learning_rate: float
    images_per_s: float
    gradient_norm: float | None = None


@dataclass(frozen=True, kw_only=True)
class EpochEnded(Event):
    """What the averaged network reaches on images it has not trained on (None where none are held out)."""

    test_loss: float
    test_accuracy: float
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass(frozen=True, kw_only=True)
class PredictionLogged(Event):
    """What the averaged network makes of the pinned image. Asked by the clock too, so that a run repeated gives
    other steps; never twice at one step, where the weights are the same."""

    image: str  # which one: PinnedImage.id
    probabilities: tuple[float, ...]  # in the order of RunStarted.classes


@dataclass(frozen=True, kw_only=True)
class BlocksMeasured(Event):
    """What each block does to a part of the last batch, in the network's order (models/depth.py). A ratio is None in a
    plain network; a number that is none has become null."""

    ratios: tuple[float, ...]  # |F(x)| / |shortcut(x)|
    response_stds: tuple[float, ...]  # of F(x)
    gradient_norms: tuple[float, ...]  # of the loss by the block's output


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved(Event):
    """resume.pt and model.safetensors stand on the disk."""


@dataclass(frozen=True, kw_only=True)
class RunPaused(Event):
    """Ended on request, at what is saved; can be resumed from there, or from the beginning where nothing is."""


@dataclass(frozen=True, kw_only=True)
class RunResumed(Event):
    """Goes on from `step` inside `epoch`: what was logged after that point is void. A warning says why it is not as if
    it had never been paused."""

    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunEnded(Event):
    """`outcome` is finished, stopped or failed; `message` is a sentence for people. A failed run can be resumed once
    the cause is mended, unless the same failure `comes_again`; a stopped one while its resume.pt is kept. A run that
    was discarded has no log to say so: only who drains the worker is told."""

    outcome: str
    message: str = ""
    comes_again: bool = False


STORED = (
    RunStarted, MetricsLogged, EpochEnded, PredictionLogged, BlocksMeasured, CheckpointSaved, RunPaused, RunResumed,
    RunEnded,
)  # fmt: skip
BLOCK_MEASURES = ("ratios", "response_stds", "gradient_norms")
_BY_NAME = {kind.__name__: kind for kind in STORED}
_RENAMED = {"PictureSeen": "PredictionLogged"}  # as logs of earlier versions say it


def to_line(event: Event) -> str:
    """One line of JSON, without the newline. JSON knows no NaN and no infinity: they become null, and so does what is
    too large to be reckoned with, as the loss of a run that diverges may be."""
    values = {name: _numbers(value) for name, value in asdict(event).items()}
    return json.dumps({"event": type(event).__name__, **values}, separators=(",", ":"), allow_nan=False)


def _numbers(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_numbers, value))
    return None if isinstance(value, float) and not is_number(value) else value


class WrongValueError(ValueError):
    """A whole line that says what cannot be: no kill has cut it off, somebody has written it so."""


def from_line(line: str) -> Event:
    """Raises ValueError where the line is not a whole, known event, WrongValueError where a value of it is of another
    kind or out of all bounds. What a later version says beyond it is left out."""
    try:
        values = parse_json(line)
        if "\\u" in line:  # earlier versions wrote names as the disk had them, bytes that are no UTF-8 included
            values = _printable(values)
        kind = _BY_NAME[_RENAMED.get(name := values.pop("event"), name)]
        if name == "PictureSeen":
            values["image"] = values.pop("picture")
        for name in ("classes", "warnings", "probabilities", *BLOCK_MEASURES):
            if name in values:
                values[name] = tuple(values[name])
        # An earlier version wrote a loss of 1e18 as it was.
        event = kind(**{name: _numbers(value) for name, value in values.items() if name in kind.__dataclass_fields__})
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"Not an event: {line[:80]!r}") from error
    for name, can_be in _checks(kind):
        if not can_be(getattr(event, name)):
            raise WrongValueError(f"Not an event: {kind.__name__} with a wrong '{name}'")
    return event


@functools.cache
def _checks(kind: type[Event]) -> tuple[tuple[str, Callable[[Any], bool]], ...]:
    """For each field, whether it ever has such a value."""
    return tuple((field.name, _SPECIAL.get(field.name) or _BY_TYPE[field.type]) for field in fields(kind))


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MAX_NUMBER


OUTCOMES = ("finished", "stopped", "failed")
_BY_TYPE: dict[Any, Callable[[Any], bool]] = {
    int: _is_count,
    float: lambda value: is_number(value) and value >= 0,
    float | None: lambda value: value is None or is_number(value),
    str: lambda value: type(value) is str,
    bool: lambda value: type(value) is bool,
    tuple[str, ...]: lambda values: all(type(value) is str for value in values),
    tuple[float, ...]: lambda values: all(value is None or is_number(value) for value in values),
}
_SPECIAL: dict[str, Callable[[Any], bool]] = {
    "outcome": lambda value: value in OUTCOMES,
    **dict.fromkeys(("epochs", "steps_per_epoch"), lambda value: _is_count(value) and value >= 1),
    # Null is what a run measures that has diverged.
    **dict.fromkeys(("train_loss", "test_loss"), _BY_TYPE[float | None]),
}


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
    predictions: tuple[PredictionLogged, ...] = ()  # of every image that was ever pinned
    blocks: tuple[BlocksMeasured, ...] = ()
    gaps: tuple[tuple[int, int], ...] = ()
    """Between which steps points are missing, because the log was cut off or damaged and the run went on from a later
    saved point. A whole log has one at least every `log_every_steps`."""

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

    @cached_property
    def images_per_s(self) -> float | None:
        """The median over the logged points: a slow first step does not count."""
        rates = sorted(point.images_per_s for point in self.metrics if point.images_per_s is not None)
        return rates[len(rates) // 2] if rates else None


MAX_POINTS = 4096  # from so many on, and at most twice as many, points of a long log are kept for the curves
_POINT, _STEP = b'{"event":"MetricsLogged",', b'"step":'


def fold(events: Iterable[Event], log_every_steps: int = 0) -> RunView:
    """Sum a run's events up, all points kept. `log_every_steps` is what `RunView.gaps` goes by."""
    folding = Folding(log_every_steps, thin=False)
    for event in events:
        folding.add(event)
    return folding.view()


_Item = TypeVar("_Item")


class Thinned(Generic[_Item]):
    """A growing list: all of it, or items that are evenly spread over it, and always the last."""

    def __init__(self, thin: bool) -> None:
        self._kept: list[_Item] = []
        self._every, self._thin = 1, thin
        self.wait = 0  # so many items are not kept before the next one is
        self._last: _Item | None = None  # where it is not among those that are kept

    def add(self, item: _Item) -> None:
        if self.wait:
            self.wait -= 1
            self._last = item
            return
        self._kept.append(item)
        self._last = None
        if self._thin and len(self._kept) >= 2 * MAX_POINTS:
            self._kept = self._kept[::2]
            self._every *= 2
            self._last = item
        self.wait = self._every - 1

    def replace_last(self, item: _Item | None) -> None:
        """Put another in the place of the last one, which was not kept; None takes it away."""
        self._last = item

    def keep(self, is_kept: Callable[[_Item], bool]) -> None:
        items = self.items()
        self._kept = [item for item in items if is_kept(item)]
        self._last, self.wait = None, 0

    def items(self) -> tuple[_Item, ...]:
        return (*self._kept, self._last) if self._last is not None else tuple(self._kept)


class Folding:
    """A run's log summed up as it comes. What was logged after the point where a run resumed is dropped.

    Of a long log the points are thinned, and those that are not kept are not even parsed: of 2,000,000 that takes
    seconds instead of half a minute.
    """

    def __init__(self, log_every_steps: int = 0, thin: bool = True) -> None:
        self._log_every_steps, self._thin = log_every_steps, thin
        self.wrong = 0  # whole lines that say what cannot be
        self._begin(None)

    def _begin(self, started: RunStarted | None) -> None:
        self._started, self._paused = started, False
        self._saved: CheckpointSaved | None = None
        self._ended: RunEnded | None = None
        self._last: Event | None = started
        self._metrics: Thinned[MetricsLogged] = Thinned(self._thin)
        self._predictions: Thinned[PredictionLogged] = Thinned(self._thin)
        self._blocks: Thinned[BlocksMeasured] = Thinned(self._thin)
        self._epochs: list[EpochEnded] = []
        self._gaps: list[tuple[int, int]] = []
        self._logged_step = 0
        self._unparsed: bytes | None = None  # the last point, where it was passed over

    def add_lines(self, lines: Iterable[bytes]) -> None:
        """Whole lines of events.jsonl; those that are damaged are passed over."""
        wait = self._metrics.wait  # so many points are passed over: looked at with as few calls as possible
        for line in lines:
            if wait and line.startswith(_POINT):
                try:
                    at = line.index(_STEP) + 7
                    step = int(line[at : line.index(b",", at)])
                except ValueError:
                    continue
                if step - self._logged_step > self._log_every_steps > 0:
                    self._gaps.append((self._logged_step, step))
                self._logged_step = step
                self._unparsed = line
                wait -= 1
                continue
            self._metrics.wait = wait
            try:
                self.add(from_line(line.decode("utf-8", errors="replace")))
            except WrongValueError:
                self.wrong += 1
                continue
            except ValueError:
                continue
            wait = self._metrics.wait
        self._metrics.wait = wait

    def add(self, event: Event) -> None:
        self._parse_last()
        self._last = event
        match event:
            case RunStarted():  # also again, where a run begins anew because nothing had been saved
                self._begin(event)
            case MetricsLogged():
                self._see_step(event.step)
                self._metrics.add(event)
            case EpochEnded():
                self._epochs.append(event)
            case PredictionLogged():
                self._predictions.add(event)
            case BlocksMeasured():
                self._blocks.add(event)
            case CheckpointSaved():
                self._saved = event
            case RunPaused():  # also right after a failure, where a resumed run is paused while it still loads
                self._ended, self._paused = None, True
            case RunResumed():
                self._resume(event)
            case RunEnded():
                self._ended = event

    def _see_step(self, step: int) -> None:
        if self._log_every_steps and step - self._logged_step > self._log_every_steps:
            self._gaps.append((self._logged_step, step))
        self._logged_step = step

    def _resume(self, resumed: RunResumed) -> None:
        step = resumed.step
        self._ended, self._paused = None, False
        self._metrics.keep(lambda point: point.step <= step)
        self._predictions.keep(lambda seen: seen.step <= step)
        self._blocks.keep(lambda measured: measured.step <= step)
        self._epochs = [point for point in self._epochs if point.epoch < resumed.epoch]
        void = [before for before, after in self._gaps if after > step]
        self._gaps = [gap for gap in self._gaps if gap[1] <= step]
        self._logged_step = min([self._logged_step, step, *void])

    def _parse_last(self) -> None:
        """The last point is one, also where it was passed over."""
        if self._unparsed is not None:
            line, self._unparsed = self._unparsed, None
            try:
                self._last = point = cast(MetricsLogged, from_line(line.decode("utf-8", errors="replace")))
            except ValueError:
                self._metrics.replace_last(None)
            else:
                self._metrics.replace_last(point)

    def view(self) -> RunView:
        self._parse_last()
        return RunView(
            self._started,
            self._metrics.items(),
            tuple(self._epochs),
            self._saved,
            self._paused,
            self._ended,
            self._last,
            self._predictions.items(),
            self._blocks.items(),
            tuple(self._gaps),
        )

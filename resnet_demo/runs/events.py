"""What a run says: one frozen dataclass an event, one JSON line each. What they sum up to stands in `fold`.

Imports no torch: whoever only looks at a run needs none.
"""

import functools
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

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

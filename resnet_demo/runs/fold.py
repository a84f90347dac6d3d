"""A run's log summed up, as it grows: what the cards and curves are drawn from. Imports no torch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar, cast

from resnet_demo.runs.events import (
    BlocksMeasured,
    CheckpointSaved,
    EpochEnded,
    Event,
    MetricsLogged,
    PredictionLogged,
    RunEnded,
    RunPaused,
    RunResumed,
    RunStarted,
    WrongValueError,
    from_line,
)


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

"""An axis of a plot: what it spans, where its ticks stand, and how a value is written at it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

NARROWEST = 1 / 500  # of an axis, that can be zoomed into
_LARGE = ((1e15, "e15"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
TIME_UNITS = (("time (s)", 1.0, 120.0), ("time (min)", 60.0, 7200.0), ("time (h)", 3600.0, math.inf))


@dataclass(frozen=True)
class Axis:
    """`low`..`high` in data units. Ticks are written in `unit`s (60 writes seconds as minutes) with `suffix`. `label`
    is English, and what the browser knows the axis by."""

    label: str
    low: float
    high: float
    unit: float = 1.0
    suffix: str = ""
    log: bool = False

    @classmethod
    def up_to(cls, label: str, highest: float, at_most: int = 6, unit: float = 1.0, suffix: str = "") -> "Axis":
        """From 0 to the tick at or over `highest`: an axis that grows in steps, not with every point."""
        axis = cls(label, 0.0, highest if highest > 0 else unit, unit, suffix)
        step = axis._step(at_most)
        return cls(label, 0.0, math.ceil(axis.high / step - 1e-9) * step, unit, suffix)

    @classmethod
    def share(cls, label: str) -> "Axis":
        """0..1, written in percent."""
        return cls(label, 0.0, 1.0, unit=0.01, suffix=" %")

    @classmethod
    def logarithmic(cls, label: str, values: Sequence[float]) -> "Axis":
        """Between the round numbers (1, 2 or 5 times a power of ten) around the values, which are above 0."""
        low, high = (min(values), max(values)) if values else (0.1, 10.0)
        first, last = (math.floor(math.log10(value)) for value in (low, high))
        marks = [many * 10.0**power for power in range(first, last + 2) for many in (1, 2, 5)]
        under = max(mark for mark in marks if mark <= low * (1 + 1e-9))
        return cls(label, under, min(mark for mark in marks if mark >= high and mark > under), log=True)

    @classmethod
    def time(cls, highest_s: float) -> "Axis":
        """Seconds from 0, written in what fits: seconds, minutes or hours."""
        label, unit = next((label, unit) for label, unit, limit in TIME_UNITS if highest_s <= limit)
        return cls.up_to(label, highest_s, at_most=8, unit=unit)

    def up(self, value: float) -> float:
        """How far up a value stands, in units of the plot."""
        return math.log10(value) if self.log else value

    def zoomed(self, low: float, high: float) -> "Axis":
        """The part of it between the two, at least NARROWEST of it and at most all."""
        whole = self.high - self.low
        span = min(max(high - low, NARROWEST * whole), whole)
        low = min(max(low, self.low), self.high - span)
        return replace(self, low=low, high=low + span)

    def around(self, values: Sequence[float]) -> "Axis":
        """From the tick at or under the least value to the one at or over the highest."""
        if not values:
            return self
        low, high = min(values), max(values)
        step = replace(self, low=low, high=max(high, low + abs(low) / 1000 + 1e-12))._step(6)
        low, high = math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step
        return replace(self, low=low, high=max(high, low + step))

    def ticks(self, at_most: int) -> list[float]:
        """Round values in data units, evenly spaced; on a logarithmic axis 1, 2 and 5 times powers of ten, or those
        powers alone."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            marks = [(many, many * 10.0**power) for power in powers for many in (1, 2, 5)]
            marks = [mark for mark in marks if self.low * (1 - 1e-9) <= mark[1] <= self.high * (1 + 1e-9)]
            return [mark for many, mark in marks if many == 1 or len(marks) <= at_most + 2]
        step = self._step(at_most)
        first = math.ceil(self.low / step - 1e-9) * step
        count = int((self.high - first) / step + 1e-9) + 1
        return [first + i * step for i in range(count)]

    def _step(self, at_most: int) -> float:
        span = (self.high - self.low) / self.unit
        magnitude = 10.0 ** math.floor(math.log10(span / at_most))
        return self.unit * next(m * magnitude for m in (1, 2, 5, 10) if span / (m * magnitude) <= at_most + 1e-9)

    def write(self, value: float) -> str:
        shown = value / self.unit
        if abs(shown) >= 100_000:  # six digits and a comma are wider than the margin
            number = next(f"{shown / unit:.4g}{letter}" for unit, letter in _LARGE if abs(shown) >= unit)
        else:
            number = f"{shown:,.0f}" if abs(shown) >= 1000 else f"{shown:.4g}".replace("e-0", "e-")
        return f"{number}{self.suffix}"

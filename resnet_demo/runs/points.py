"""A run's curves as one tidy list of points, and as a CSV file. Imports no torch."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import TextIO

from resnet_demo.runs.events import Event
from resnet_demo.runs.fold import RunView

COLUMNS = ("run", "title", "step", "epoch", "elapsed_s", "series", "value")
_PLACE = {field.name for field in fields(Event)}  # where a point stands, not what was measured there
_FORMULA = ("=", "+", "-", "@")  # what makes a spreadsheet compute a cell instead of showing it


@dataclass(frozen=True)
class Point:
    """One measured value. `series` is the field's name in its event: train_loss, test_accuracy, learning_rate…"""

    series: str
    step: int
    epoch: int
    elapsed_s: float
    time: float  # Unix seconds
    value: float


def points(view: RunView) -> list[Point]:
    """Everything that a run has measured, in the order of its steps; what is not measured there is left out."""
    logged = sorted([*view.metrics, *view.epochs], key=lambda event: (event.step, event.time))
    return [point for event in logged for point in _points(event)]


def _points(event: Event) -> Iterator[Point]:
    for field in fields(event):
        value = getattr(event, field.name)
        if field.name not in _PLACE and value is not None:
            yield Point(field.name, event.step, event.epoch, event.elapsed_s, event.time, value)


def write_csv(runs: Iterable[tuple[str, str, RunView]], file: TextIO) -> None:
    """One row a point, for all of these (run id, title, view): what pandas, R and spreadsheets group by themselves."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    for run_id, title, view in runs:
        names = spreadsheet_text(run_id), spreadsheet_text(title)
        rows.writerows([*names, p.step, p.epoch, f"{p.elapsed_s:.3f}", p.series, p.value] for p in points(view))


def spreadsheet_text(name: str) -> str:
    """A title is people's text: an apostrophe keeps a spreadsheet from running it as a formula."""
    line = "".join(letter if letter.isprintable() else " " for letter in name)
    return f"'{line}" if line.lstrip().startswith(_FORMULA) else line

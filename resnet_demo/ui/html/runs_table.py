"""All runs as a table that can be sorted and ticked: pure functions from snapshots to HTML."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from resnet_demo.data.known import data_label
from resnet_demo.files import parse_json
from resnet_demo.language import t
from resnet_demo.models.catalog import NetworkSpec
from resnet_demo.runs.snapshot import Snapshot, checksum
from resnet_demo.runs.status import RunStatus
from resnet_demo.runs.text import started
from resnet_demo.runs.watcher import RunsSnapshot
from resnet_demo.text import duration, listed, percent, rate, size
from resnet_demo.ui.html.status_card import MARKS
from resnet_demo.ui.html.terms import key_of

NEWEST_FIRST = "run descending"

CAPTION = "Tick runs to compare them. Click a column header to sort."
EMPTY = (
    "No runs yet. Each run that you start in the {tab} tab will be listed here with what it reached; tick two of them, "
    "and their curves are drawn over each other."
)


@dataclass(frozen=True)
class Column:
    """`value` is what is sorted by (None stands last), `text` what is shown of it; `label` is English."""

    label: str
    value: Callable[[Snapshot], Any]
    text: Callable[[Any], str] = str
    number: bool = True  # numbers stand right, and are sorted from the highest first


def _validation_accuracy(snapshot: Snapshot) -> float | None:
    return snapshot.view.epochs[-1].validation_accuracy if snapshot.view.epochs else None


def _network(network: NetworkSpec) -> str:
    """'resnet50, imagenet', and its shortcuts where they are not those that it usually has."""
    usual = network.architecture.shortcuts[0]
    return f"{network.arch}, {network.stem}" + ("" if network.shortcut == usual else f", {network.shortcut}")


def _of(done: tuple[int, int]) -> str:
    return t("{done} of {total}", done=done[0], total=done[1])


def _standing(value: tuple[RunStatus, tuple[int, int]]) -> str:
    """'● training'; of a planned run also its place."""
    status, place = value
    said = f"{MARKS[status]} {t(status)}"
    return listed([said, _of(place)]) if status == RunStatus.QUEUED else said


COLUMNS = {
    "run": Column("run", lambda s: s.created),
    "data": Column("data", lambda s: data_label(s.config.data), number=False),
    "network": Column("network", lambda s: _network(s.config.network()), number=False),
    "status": Column("status", lambda s: (s.status, s.place or (0, 0)), _standing, number=False),
    "epochs": Column("epochs", lambda s: (len(s.view.epochs), s.config.epochs), _of),
    "test": Column("test accuracy", lambda s: s.view.test_accuracy, percent),
    "held-out": Column("held out", _validation_accuracy, percent),
    "speed": Column(
        "images/s", lambda s: s.view.images_per_s, lambda speed: rate(speed).removesuffix(t("{rate} images/s", rate=""))
    ),
    "time": Column("time", lambda s: s.view.elapsed_s, duration),
    "disk": Column("on disk", lambda s: s.size_bytes, size),
}


def next_order(order: str, column: str) -> str:
    """The order after a press on a column's head: the way one most likely wants first, then the other way round.
    Raises KeyError for a column that is not there."""
    first, second = ("descending", "ascending") if COLUMNS[column].number else ("ascending", "descending")
    return f"{column} {second if order == f'{column} {first}' else first}"


def sort_runs(runs: Sequence[Snapshot], order: str) -> list[Snapshot]:
    """By '<column> ascending' or '<column> descending'; what has no value stands last both ways, equals newest first.
    An order that is none means the newest first."""
    name, _, direction = order.partition(" ")
    if name not in COLUMNS or direction not in ("ascending", "descending"):
        name, _, direction = NEWEST_FIRST.partition(" ")
    valued = [(COLUMNS[name].value(s), s) for s in runs]
    known = [pair for pair in valued if pair[0] is not None]
    known.sort(key=lambda pair: _fold(pair[0]), reverse=direction == "descending")
    return [snapshot for _, snapshot in known] + [snapshot for value, snapshot in valued if value is None]


def _fold(value):
    return value.casefold() if isinstance(value, str) else value


def table_html(snapshot: RunsSnapshot, order: str) -> str:
    """The table, or what will stand here, and a sentence for each run that cannot be opened. Which runs are ticked, the
    browser knows."""
    problems = "".join(f'<p class="hint">{escape(problem)}</p>' for problem in snapshot.unreadable)
    if not snapshot.runs:
        empty = t(EMPTY, tab=f"<b>{t('Train')}</b>")
        return problems or f'<p class="runs-empty">{empty}</p>'
    heads = "".join(_head(name, column, order) for name, column in COLUMNS.items())
    rows = "".join(_row(s, snapshot.parent_name(s)) for s in sort_runs(snapshot.runs, order))
    return (
        f'<div class="runs-scroll" tabindex="0" role="region" aria-label="{t("Runs")}">'
        f'<table class="runs-table"><caption>{t(CAPTION)}</caption><thead><tr>'
        f'<td class="runs-tick"></td>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{problems}"
    )


def _head(name: str, column: Column, order: str) -> str:
    sorted_by, _, direction = order.partition(" ")
    sort, arrow = (f' aria-sort="{direction}"', direction) if sorted_by == name else ("", "none")
    key = key_of(t(column.label))
    term = f' data-term="{key}"' if key else ""
    return (
        f'<th scope="col"{_right(column)}{sort}><button type="button" data-sort="{name}"{term}>{t(column.label)}'
        f'<i class="runs-arrow {arrow}"></i></button></th>'
    )


def _row(snapshot: Snapshot, parent: str) -> str:
    cells = "".join(
        f'<td{_right(column)} data-column="{name}" data-label="{t(column.label)}">'
        f"{_cell(name, column, snapshot, parent)}</td>"
        for name, column in COLUMNS.items()
    )
    run_id, name = escape(snapshot.run.id), escape(snapshot.name)
    tick = f'<input type="checkbox" data-run="{run_id}" aria-label="{t("Compare {run}", run=name)}">'
    return f'<tr><td class="runs-tick"><label>{tick}<b></b></label></td>{cells}</tr>'


def _cell(name: str, column: Column, snapshot: Snapshot, parent: str) -> str:
    if name != "run":
        return escape(column.text(column.value(snapshot)))
    when = f"<small>{escape(started(snapshot.run.id))}</small>" if snapshot.title else ""
    origin = f"<small>{t('from the run “{name}”', name=escape(parent))}</small>" if parent else ""
    shipped = f"<small>{t('came with resnet_demo')}</small>" if snapshot.run.is_shipped else ""
    name = escape(snapshot.name)
    return f'<span title="{escape(snapshot.run.id)}">{name}</span>{when}{origin}{shipped}'


def _right(column: Column) -> str:
    return ' class="number"' if column.number and column is not COLUMNS["run"] else ""


# --- which runs are ticked -------------------------------------------------------------------------------------

Picked = list[tuple[int, Snapshot]]  # (place, run): the place says which colour and letter, and stays while others go


def picked_runs(snapshot: RunsSnapshot, picked: Any) -> Picked:
    """`picked` is a JSON list of run ids with null where a place is free, as the browser sends it. Ids of runs that
    are gone, and whatever else is in it, count as nothing."""
    try:
        places = parse_json(picked) if isinstance(picked, str) and picked else []
    except ValueError:
        places = []
    if not isinstance(places, list) or not places:
        return []
    runs = {s.run.id: s for s in snapshot.runs}
    found = [(place, runs.pop(run_id, None)) for place, run_id in enumerate(places) if isinstance(run_id, str)]
    return [(place, run) for place, run in found if run]


def version_of(snapshot: RunsSnapshot, picked: Any) -> str:
    """Changes whenever the tab has something new to show: in the table, or in the picked runs' curves."""
    points = [(s.run.id, s.latest_curves, len(s.view.epochs)) for _, s in picked_runs(snapshot, picked)]
    return f"{snapshot.rows} {checksum(points)}"

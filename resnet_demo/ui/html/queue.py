"""The planned runs, in the order in which they are trained: pure functions from snapshots to HTML. Imports neither
gradio nor torch."""

from collections.abc import Mapping
from html import escape

from resnet_demo.language import t
from resnet_demo.runs.held import held_sentence
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.watcher import RunsSnapshot
from resnet_demo.text import listed, plural, rough_duration
from resnet_demo.ui.html.status_card import MARKS, recipe, run_title


def queue_html(snapshot: RunsSnapshot, owner: bool = True, seconds: Mapping[str, float] | None = None) -> str:
    """A row for each planned run, and for the `owner` what can be done about it; '' where none is planned. `seconds`
    is how long each run will take by its id, as far as that is known."""
    planned, seconds = snapshot.queue, seconds or {}
    if not planned:
        return ""
    rows = "".join(_row(one, snapshot.parent_name(one), owner, seconds.get(one.run.id)) for one in planned)
    total = plural(len(planned), "planned run")
    if all(one.run.id in seconds for one in planned):
        time = rough_duration(sum(seconds[one.run.id] for one in planned))
        total = t("{runs}, about {time} in all", runs=total, time=time)
    head = f"<b>{MARKS['queued']} {t('Queue')}</b> <span>{total}</span>"
    return (
        f'<section class="queue" aria-label="{t("Queue")}"><div class="queue-head">{head}</div>'
        f"{_standing(snapshot, owner)}<ol>{rows}</ol></section>"
    )


def _standing(snapshot: RunsSnapshot, owner: bool) -> str:
    """Whether the next one starts by itself, or why not and how to go on."""
    if not (held := held_sentence(snapshot, owner)):
        goes_on = t("Each starts by itself when the run before it has ended, also without this page.")
        return f'<p class="hint">{goes_on}</p>'
    button = f'<button type="button" data-act="start">{t("Go on with the queue")}</button>' if owner else ""
    return f'<p class="queue-held" role="status"><span>{MARKS["paused"]} {escape(held)}</span>{button}</p>'


def _row(planned: Snapshot, parent: str, owner: bool, seconds: float | None) -> str:
    place, total = planned.place or (1, 1)
    title = escape(run_title(planned))
    time = [] if seconds is None else [t("about {time}", time=rough_duration(seconds))]
    told = listed([plural(planned.config.epochs, "epoch"), *time, recipe(planned.config, parent)])
    what = f'<div class="queue-what">{title}<small>{escape(told)}</small></div>'
    acts = _acts(title, place, total) if owner else ""
    return f'<li data-run="{escape(planned.run.id)}"><b>{place}</b>{what}{acts}</li>'


def _acts(title: str, place: int, total: int) -> str:
    up = _button("up", "↑", t("Move up: {run}", run=title), place == 1)
    down = _button("down", "↓", t("Move down: {run}", run=title), place == total)
    return f'<div class="queue-acts">{up}{down}{_button("remove", t("Remove"), t("Remove: {run}", run=title))}</div>'


def _button(act: str, text: str, label: str, is_off: bool = False) -> str:
    off = " disabled" if is_off else ""
    return f'<button type="button" data-act="{act}" aria-label="{label}" title="{label}"{off}>{text}</button>'

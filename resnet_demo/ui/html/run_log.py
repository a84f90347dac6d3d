"""The end of a run's log in words."""

from dataclasses import replace
from html import escape

from resnet_demo.language import t
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.text import event_line


def log_html(snapshot: Snapshot | None, owner: bool = True) -> str:
    """`log_text` where it can be scrolled, by keyboard, too."""
    lines = f"<span>{escape(log_text(snapshot, owner))}</span>"
    return f'<pre class="run-log" tabindex="0" role="region" aria-label="{t("Log")}">{lines}</pre>'


def log_text(snapshot: Snapshot | None, owner: bool = True) -> str:
    """The last events in words. Warnings, and why a run failed, may name files and folders: for the owner alone."""
    if snapshot is None:
        return t("The log of a run will appear here.")
    view = snapshot.view
    recent = sorted([*view.metrics[-6:], *view.epochs[-6:]], key=lambda event: event.step)  # a clock may jump
    if snapshot.is_partial:
        return t("The log is long and is still being read; the curves come with it.")
    started, ended = view.started, view.ended
    if not owner:
        started, ended = started and replace(started, warnings=()), None
    told = [event_line(event) for event in (started, *recent, ended) if event]
    return "\n".join(line for line in [_gaps_line(snapshot), *told] if line) or t("Nothing logged yet.")


def _gaps_line(snapshot: Snapshot) -> str:
    """Where the curves lack points, '' where they are whole."""
    if not (gaps := snapshot.view.gaps):
        return ""
    between = [
        t("between steps {before} and {after}", before=f"{before:,}", after=f"{after:,}") for before, after in gaps
    ]
    return t(
        "The log was cut off or damaged, so the curves lack the points {between}; the training itself lost nothing.",
        between=t(" and ").join(between),
    )

"""Ticked runs beside each other: their curves in one plot, and the settings in which they differ. Pure functions."""

from dataclasses import fields, replace
from html import escape
from typing import Any

from resnet_demo.data.known import data_label
from resnet_demo.language import t
from resnet_demo.runs.config import PARENT, TrainConfig
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.text import device_text, run_mark, started
from resnet_demo.ui.html.chart import Series, legend_button, line_chart
from resnet_demo.ui.html.curves import Along, ChartChoice, logged, measured
from resnet_demo.ui.html.runs_table import Picked

COLOURS = 7  # --run-0 … in page.css; the letter tells apart what they cannot

NOTHING_PICKED = (
    "The curves of the runs that you tick above will be drawn here over each other, and the settings in which they "
    "differ listed below."
)


def curves_html(picked: Picked, choice: ChartChoice) -> str:
    """The key, and loss and accuracy of all picked runs."""
    if not picked:
        return _hint(t(NOTHING_PICKED))
    along = {place: Along.run(run.view, run.config.epochs, choice.by) for place, run in picked}
    axes = [along[place].axis() for place, _ in picked]
    x = choice.across(max(axes, key=lambda axis: axis.high))
    losses: list[Series] = []
    accuracies: list[Series] = []
    for place, run in picked:
        losses += train_and_test(run, along[place], place, "loss")
        accuracies += train_and_test(run, along[place], place, "accuracy")
    loss_axis, smoothing = choice.loss_axis(x, losses), choice.smoothing
    loss_chart = line_chart(t("Loss (cross-entropy)"), x, loss_axis, losses, smoothing=smoothing, legend=False)
    accuracy_chart = choice.accuracy_chart(x, accuracies, legend=False)
    return f'{_key(picked)}<div class="compare-charts">{loss_chart}{accuracy_chart}</div>'


def train_and_test(run: Snapshot, along: Along, place: int, measure: str) -> tuple[Series, Series]:
    """A run's train and test curve in its colour; its letter stands where the last of them ends."""
    mark, colour = run_mark(place), f"run-{place % COLOURS}"
    train = logged(run.view, along, f"train_{measure}", f"{mark} {t('train')}")
    test = measured(run.view, along, f"test_{measure}", f"{mark} {t('test')}")
    ends = test if test.points else train
    train, test = (replace(one, kind=f"{one.kind} {colour}", mark=mark if one is ends else "") for one in (train, test))
    return train, test


def _key(picked: Picked) -> str:
    runs = "".join(
        f"<li>{legend_button(run_mark(place))}{chip(place)} {escape(run.name)}</button></li>" for place, run in picked
    )
    names = {"train": t("train"), "test": t("test")}
    lines = "".join(f"<li>{legend_button(name, kind)}<i></i> {name}</button></li>" for kind, name in names.items())
    return f'<ul class="compare-key">{runs}{lines}</ul>'


def chip(place: int) -> str:
    """The run's letter in its colour."""
    return f'<b class="compare-chip run-{place % COLOURS}">{run_mark(place)}</b>'


# --- what differs ---------------------------------------------------------------------------------------------


def differences(configs: list[TrainConfig]) -> list[tuple[str, list[Any]]]:
    """(label, each run's value) of every setting in which not all are the same."""
    rows = [(t(field.metadata["label"]), [getattr(c, field.name) for c in configs]) for field in fields(TrainConfig)]
    return [(label, values) for label, values in rows if any(value != values[0] for value in values)]


def differences_html(picked: Picked) -> str:
    """The table of differences; with fewer than two runs, what will stand here."""
    if not picked:
        return ""
    if len(picked) == 1:
        return _hint(t("Tick a second run, and the settings in which the two differ are listed here."))
    rows = differences([run.config for _, run in picked])
    devices = [device_text(run.view.started.device) if run.view.started else "–" for _, run in picked]
    if len(set(devices)) > 1:
        rows.append((t("Trained on"), devices))
    if not rows:
        return _hint(t("All settings of these runs are the same."))
    heads = "".join(f'<th scope="col" title="{escape(run.name)}">{chip(place)}</th>' for place, run in picked)
    body = "".join(
        f'<tr><th scope="row">{escape(label)}</th>{"".join(f"<td>{_written(value)}</td>" for value in values)}</tr>'
        for label, values in rows
    )
    return (
        f'<div class="runs-scroll" tabindex="0" role="region" aria-label="{t("Settings that differ")}">'
        '<table class="differences">'
        f"<caption>{t('Settings in which they differ; all others are the same.')}</caption>"
        f'<thead><tr><th scope="col">{t("setting")}</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _hint(sentence: str) -> str:
    return f'<p class="runs-empty">{sentence}</p>'


def _written(value: Any) -> str:
    """A setting's value; of a folder only its name, since a visitor is not shown where the server keeps its files."""
    if value == "":  # only the first weights may be empty
        return t("random")
    if isinstance(value, str) and value.startswith(PARENT):
        return escape(t("run of {start}", start=started(value.removeprefix(PARENT))))
    if isinstance(value, bool):
        return t("yes") if value else t("no")
    if isinstance(value, float):
        return f"{value:g}"
    return escape(data_label(value)) if isinstance(value, str) else f"{value:,}"

"""An experiment's runs over each other: training and test error by depth, and what they say of it. Pure functions."""

from collections.abc import Mapping, Sequence
from html import escape
from statistics import mean
from urllib.parse import urlencode

from resnet_demo.language import t
from resnet_demo.models.catalog import ARCHITECTURES
from resnet_demo.runs.experiments import Experiment
from resnet_demo.runs.fold import RunView
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.text import device_text, started
from resnet_demo.text import listed, percent
from resnet_demo.ui.html.axis import Axis
from resnet_demo.ui.html.block_strip import strip_html
from resnet_demo.ui.html.chart import Series, line_chart
from resnet_demo.ui.html.comparison import chip, train_and_test
from resnet_demo.ui.html.curves import Along, errors_of

Runs = Mapping[str, Snapshot]  # by their network


def lead_html() -> str:
    """What is to be seen, and where to look."""
    said = t(
        "Overfitting would show in the test error alone. So look at the <b>training error</b>, the solid lines: does "
        "the deeper network do worse on the very images that it is trained on? These networks differ in their depth "
        "and their shortcuts, and in nothing else: same images, same recipe, same seed. The test error is dashed. They "
        "are trained one after the other; each is a run as any other. One seed is one try: with another the curves lie "
        "elsewhere, so the walk's first step tells the mean of three."
    )
    return f'<h2 class="arch-title">{t("Degradation, on your own machine")}</h2><p class="arch-note">{said}</p>'


def experiment_html(experiment: Experiment, runs: Runs) -> str:
    """`runs` are those that there are by now; for a network without one an empty place is kept."""
    groups = "".join(
        f"<div>{_chart(group, experiment, runs)}{_verdict(group, runs)}</div>" for group in experiment.groups
    )
    key = "".join(_key(place, arch, runs.get(arch)) for place, arch in enumerate(experiment.networks))
    return (
        f'<p class="hint">{t(experiment.help)}</p><ul class="experiment-runs">{key}</ul>'
        f'<div class="compare-charts experiment-charts">{groups}</div>{_link(runs)}{_strips(runs)}'
    )


def problem_html(sentence: str) -> str:
    """Why there are none to be shown, in a place of their height."""
    return f'<div class="experiment-space"><p role="alert">✕ {escape(t(sentence))}</p></div>'


def _chart(group: Sequence[str], experiment: Experiment, runs: Runs) -> str:
    """The errors of one group. All groups of an experiment have the same axes, so that they can be compared."""
    epochs = experiment.config(group[0], 0).epochs
    drawn: list[Series] = []
    for arch in group:
        if run := runs.get(arch):
            along = Along.run(run.view, epochs, "epoch")
            drawn += train_and_test(run, along, experiment.networks.index(arch), "accuracy")
    x, y = Axis("epoch", 0.0, float(epochs)), Axis.share("error")
    names = t(" and ").join(ARCHITECTURES[arch].label for arch in group)
    return line_chart(
        t("Error of {networks}", networks=names), x, y, errors_of(drawn), legend=False, empty=t("not trained yet")
    )


def _key(place: int, arch: str, run: Snapshot | None) -> str:
    """A network's letter and name, how its run stands, and where it was made."""
    standing = t("not trained yet")
    if run:
        done = t("epoch {done} of {epochs}", done=len(run.view.epochs), epochs=run.config.epochs)
        made = [device_text(run.view.started.device)] if run.view.started else []
        made += [t("came with resnet_demo"), started(run.run.id)] if run.run.is_shipped else []
        standing = listed([t(run.status.value), done, *made])
    return f"<li>{chip(place)} <b>{escape(ARCHITECTURES[arch].label)}</b> <small>{escape(standing)}</small></li>"


def _verdict(group: Sequence[str], runs: Runs) -> str:
    """How far apart the two training errors are, at the last epoch that both have done. '' before there is one."""
    views = [runs[arch].view for arch in group if arch in runs]
    epoch = min((len(view.epochs) for view in views), default=0)
    found = [error for view in views if (error := training_error(view, epoch)) is not None]
    if len(found) < len(group):
        return ""
    one, other = found
    told = {
        "one": ARCHITECTURES[group[0]].label,
        "other": ARCHITECTURES[group[1]].label,
        "points": f"{100 * abs(other - one):.1f}",
        "epochs": epoch,
        "errors": f"{percent(other)}, {percent(one)}",
    }
    if other < one:
        said = t("After {epochs} epochs {other}'s training error is {points} points below {one}'s ({errors}).", **told)
    else:
        said = t("After {epochs} epochs {other}'s training error is {points} points above {one}'s ({errors}).", **told)
    return f'<p class="experiment-verdict">{escape(said)}</p>'


def training_error(view: RunView, epoch: int) -> float | None:
    """0..1, the mean over the epoch's points, as they were counted while it trained."""
    steps = view.started.steps_per_epoch if view.started else 0
    points = [p.train_accuracy for p in view.metrics if (epoch - 1) * steps < p.step <= epoch * steps]
    return 1 - mean(points) if points else None


def _strips(runs: Runs) -> str:
    """What the blocks of each did while it trained, under each other; not before all are done, since these are many
    bytes for each point that is drawn."""
    measured = [(arch, run) for arch, run in runs.items() if run.view.blocks]
    if not measured or any(run.status.is_live for run in runs.values()):
        return ""
    strips = "".join(f"<h4>{escape(ARCHITECTURES[arch].label)}</h4>{strip_html(run)}" for arch, run in measured)
    summary = t("What their blocks did while they trained")
    return f'<details class="experiment-strips"><summary>{summary}</summary>{strips}</details>'


def _link(runs: Runs) -> str:
    """To the Runs tab, where they are compared in every way that it has."""
    if not runs:
        return ""
    address = urlencode({"tab": "runs", "runs": ",".join(run.run.id for run in runs.values()), "error": "1"})
    said = t("Compare these runs in the Runs tab")
    return f'<p class="hint"><a href="?{escape(address)}" data-here>{said}</a></p>'

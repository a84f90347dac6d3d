"""A recorded training, played to who has no run of one's own: pure functions from plain data to HTML.

What is written here is how the run ended; `ui/replay.js` plays it from the beginning. So it stands still, and is true,
where scripts or motion are off. All data go to the page once.
"""

import functools
import json
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

from resnet_demo.data.examples import DRAWN
from resnet_demo.data.known import data_label
from resnet_demo.language import t
from resnet_demo.models.catalog import ARCHITECTURES
from resnet_demo.runs import events
from resnet_demo.runs.directory import RunError
from resnet_demo.runs.example_predictions import EpochPredictions, read_example_predictions
from resnet_demo.runs.reference import is_cifar10
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.text import device_text
from resnet_demo.runs.watcher import NEWEST, RunsSnapshot
from resnet_demo.text import duration, percent
from resnet_demo.ui.html.axis import Axis
from resnet_demo.ui.html.chart import line_chart
from resnet_demo.ui.html.curves import Along, from_zero, logged, measured
from resnet_demo.ui.html.pinned_card import Answer, answers_of, whole_percent
from resnet_demo.ui.images import data_url

SECONDS = 20
MOST_POINTS = 200  # of a curve
MOST_ANSWERS = 120  # about the pinned image
CHART_HEIGHT = 176
IMAGE_QUALITY = 85


def recording_of(runs: RunsSnapshot, chosen: str = NEWEST) -> Snapshot | None:
    """The run to be played: one that came with the project, first of all of CIFAR-10 and with its answers about the
    example images. None where there is a run of one's own, or where a run was chosen to be looked at."""
    if chosen != NEWEST or any(not s.run.is_shipped for s in runs.runs):
        return None
    return max((s for s in runs.runs if s.view.epochs), key=_fitness, default=None)


def _fitness(snapshot: Snapshot) -> tuple[bool, float]:
    return is_cifar10(snapshot.view) and _has_examples(snapshot), snapshot.created


def _has_examples(snapshot: Snapshot) -> bool:
    try:
        return read_example_predictions(snapshot.run) is not None
    except RunError:  # which is said where it is played
        return True


def replay_html(snapshot: Snapshot | None) -> str:
    """The recording in its last moment, and the data to play it by; '' where there is none."""
    if snapshot is None or (started := snapshot.view.started) is None:
        return ""
    try:
        examples, problem = read_example_predictions(snapshot.run) or (), ""
    except RunError as error:
        examples, problem = (), str(error)
    view = snapshot.view
    answers = _spread(answers_of(snapshot))
    total = started.epochs * started.steps_per_epoch
    data = {
        "seconds": SECONDS,
        "epochs": started.epochs,
        "accuracies": [[ended.step / total, round(ended.test_accuracy, 4)] for ended in view.epochs],
        "examples": [[e.epoch / started.epochs, e.predictions] for e in examples],
        "answers": [[a.at.step / total, [round(p, 3) for p in a.at.probabilities]] for a in answers],
        "classes": started.classes,
    }
    shown = _examples(examples[-1]) if examples else ""
    if problem:
        shown = f'<p class="replay-problem">{escape(problem)}</p>'
    return (
        f'<section class="replay" aria-label="{t("Recording of a training")}" {_attribute(data)}>'
        f"{_head(snapshot, started)}{shown}"
        f"{_charts(snapshot)}{_pinned(snapshot, started, answers)}</section>"
    )


def _attribute(data: dict) -> str:
    """In single quotes, of which JSON needs none: each double one would take six bytes."""
    text = json.dumps(data, separators=(",", ":"))
    return "data-recording='{}'".format(escape(text, quote=False).replace("'", "&#x27;"))


def _head(snapshot: Snapshot, begun: events.RunStarted) -> str:
    view = snapshot.view
    when = datetime.fromtimestamp(snapshot.created, UTC).strftime(t("%d %b %Y")).lstrip("0")
    network = t(ARCHITECTURES[snapshot.config.arch].label)
    what = t("{network} learns {data}", network=network, data=_data(snapshot))
    where = t(
        "{time} on {device}, {date}, played in {seconds} s",
        time=duration(view.elapsed_s),
        device=device_text(snapshot.device or begun.device),
        date=when,
        seconds=SECONDS,
    )
    now = t(
        "epoch {epoch} of {epochs}, test accuracy {accuracy}",
        epoch=f"<b data-epoch>{begun.epochs}</b>",
        epochs=begun.epochs,
        accuracy=f"<b data-accuracy>{percent(view.test_accuracy)}</b>",
    )
    return (
        f'<div class="replay-head"><p><b class="replay-mark">◉ {t("Recording")}</b> '
        f"<b>{escape(what)}</b> <span>{escape(where)}</span></p>"
        f'<p class="replay-now">{now}<span data-anew role="status"></span></p>'
        f'<button type="button" data-play>{t("Play")}</button></div>'
    )


def _data(snapshot: Snapshot) -> str:
    return "CIFAR-10" if is_cifar10(snapshot.view) else data_label(snapshot.config.data)


# --- the example images -----------------------------------------------------------------------------------------


def _examples(last: EpochPredictions) -> str:
    tiles = "".join(_tile(shown, *answer) for shown, answer in last.predictions.items())
    right = t(
        "What the network says of drawings that it never trained on, after each epoch: {right} of {images} right.",
        right=f"<b data-right>{last.right}</b>",
        images=len(last.predictions),
    )
    return f'<div class="replay-examples">{tiles}</div><p class="hint">{right}</p>'


def _tile(shown: str, name: str, probability: float) -> str:
    state = "right" if name == shown else "wrong"
    return (
        f'<figure data-shows="{escape(shown)}" class="{state}"><img src="{_example_url(DRAWN / f"{shown}.png")}" '
        f'alt="{escape(shown)}" width="72" height="72"><figcaption>{escape(name)} '
        f"<small>{whole_percent(probability)}</small></figcaption></figure>"
    )


@functools.cache
def _example_url(path: Path) -> str:
    """As WebP, a third of the PNG's bytes."""
    with Image.open(path) as image:
        return data_url(image.convert("RGB"), "webp", quality=IMAGE_QUALITY)


# --- the curves -------------------------------------------------------------------------------------------------


def _charts(snapshot: Snapshot) -> str:
    view = snapshot.view
    along = Along.run(view, snapshot.config.epochs, "epoch")
    x = along.axis()
    accuracies = [logged(view, along, "train_accuracy", t("train")), measured(view, along, "test_accuracy", t("test"))]
    losses = [logged(view, along, "train_loss", t("train")), measured(view, along, "test_loss", t("test"))]
    drawn: dict[str, Any] = {"height": CHART_HEIGHT, "at_most": MOST_POINTS}
    accuracy = line_chart(t("Accuracy"), x, Axis.share("accuracy"), accuracies, **drawn)
    loss = line_chart(t("Loss"), x, from_zero("loss", losses, 2.5), losses, **drawn)
    return f'<div class="replay-charts">{accuracy}{loss}</div>'


# --- the pinned image -------------------------------------------------------------------------------------------


def _pinned(snapshot: Snapshot, begun: events.RunStarted, answers: list[Answer]) -> str:
    """Its probabilities as bars, in the order of the classes."""
    if not answers or snapshot.pinned is None or snapshot.pinned.image is None:
        return ""
    last, classes = answers[-1], begun.classes
    bars = "".join(
        f'<li{" class=top" * (name == last.top)}><span>{escape(name)}</span><i style="--share:{share:.3f}"></i>'
        f"<small>{whole_percent(share)}</small></li>"
        for name, share in zip(classes, last.at.probabilities, strict=True)
    )
    asked = t("One image, asked about all along: {name}", name=f"<b data-top>{escape(last.top)}</b>")
    return (
        f'<div class="replay-pinned"><figure><img src="{data_url(snapshot.pinned.image)}" '
        f'alt="{t("The pinned image")}"><figcaption>{asked}</figcaption></figure>'
        f'<ol aria-label="{t("Probability of each class")}">{bars}</ol></div>'
    )


def _spread(answers: list[Answer]) -> list[Answer]:
    """As many as can be seen, the last among them."""
    every = -(-len(answers) // MOST_ANSWERS) or 1
    return [*answers[:-1:every], *answers[-1:]]

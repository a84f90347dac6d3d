"""Curves as an image file. The only module that imports matplotlib, and never its pyplot: that keeps figures alive."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import font_manager, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from resnet_demo.runs.fold import RunView
from resnet_demo.runs.reference import article_reference, is_cifar10
from resnet_demo.runs.text import run_mark

TRAIN, TEST, GREY = "#1f2937", "#c0267e", "#6b7280"  # as in page.css
RUNS = ("#6a4fc0", "#007a5a", "#b5467f", "#8a6a00", "#14808f", "#a8322a", "#4b5563")  # --run-0 … there

PlacedView = tuple[int, str, RunView]  # the place gives a run its colour and letter


def draw_curves(runs: Sequence[PlacedView]) -> Figure:
    """Loss and accuracy over the epochs, train solid and test dashed with points: of one run in two colours, of
    several over each other, one colour each, train faint."""
    several = len(runs) > 1
    figure = Figure(figsize=(10, 3.8 + 0.24 * len(runs) * several), layout="constrained", dpi=110)
    loss, accuracy = figure.subplots(1, 2)
    for axes, measure in ((loss, "loss"), (accuracy, "accuracy")):
        for place, _, view in runs:
            if several:
                _draw_one(axes, view, measure, RUNS[place % len(RUNS)], run_mark(place))
            else:
                _draw(axes, view, measure, TRAIN, TEST)
        axes.set_xlabel("epoch")
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(handles=_train_and_test(several), frameon=False)
    loss.set_title("Loss (cross-entropy)")
    accuracy.set_title("Accuracy")
    accuracy.set_ylim(0, 1)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0))
    if all(is_cifar10(view) for *_, view in runs):
        value, name = article_reference()
        accuracy.axhline(value, color=GREY, linestyle=":")
        accuracy.text(0.02, value + 0.015, name, color=GREY, fontsize=9, transform=accuracy.get_yaxis_transform())
    if several:
        lines = [Line2D([], [], color=RUNS[place % len(RUNS)], linewidth=2.5) for place, *_ in runs]
        names = [f"{run_mark(place)}   {_literal(name)}" for place, name, _ in runs]
        figure.legend(
            lines, names, loc="outside lower left", frameon=False, prop={"family": _families(names), "size": 9}
        )
    return figure


def _draw(axes: Axes, view: RunView, measure: str, train: str, test: str, faint: float = 1.0) -> None:
    steps = view.started.steps_per_epoch if view.started else 1
    trained = [(point.step / steps, getattr(point, f"train_{measure}")) for point in view.metrics]
    tested = [(ended.epoch, getattr(ended, f"test_{measure}")) for ended in view.epochs]
    axes.plot(*_numbers(trained), color=train, alpha=faint)
    axes.plot(*_numbers(tested), "--o", color=test, markersize=4)


def _numbers(points: Sequence[tuple[float, float | None]]) -> tuple[list[float], list[float]]:
    """x and y of the points whose value is a number."""
    known = [(x, y) for x, y in points if y is not None]
    return [x for x, _ in known], [y for _, y in known]


def _draw_one(axes: Axes, view: RunView, measure: str, colour: str, mark: str) -> None:
    """One of several runs, with its letter where its line ends."""
    _draw(axes, view, measure, colour, colour, faint=0.45)
    paths = [np.asarray(line.get_xydata()) for line in axes.lines[-2:]]
    ends = [tuple(path[-1]) for path in paths if len(path)]
    if ends:
        place: dict[str, Any] = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
        axes.annotate(mark, ends[-1], color=colour, weight="bold", **place)


def _train_and_test(several: bool) -> list[Line2D]:
    train, test = (GREY, GREY) if several else (TRAIN, TEST)
    return [
        Line2D([], [], color=train, alpha=0.6 if several else 1.0, label="train"),
        Line2D([], [], color=test, linestyle="--", marker="o", markersize=4, label="test"),
    ]


def _literal(name: str) -> str:
    """A dollar sign in a person's title would begin a formula."""
    return name.replace("$", r"\$")


def _families(texts: Sequence[str]) -> list[str]:
    """Fonts for these texts: the usual one, and where it lacks letters the first on this machine that has them."""
    families = [*rcParams["font.sans-serif"][:1]]
    missing = {ord(letter) for letter in "".join(texts)} - _letters(font_manager.findfont(families[0]))
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: font.weight != 400) if missing else ():
        if found := missing & _letters(font.fname):
            families.append(font.name)
            missing -= found
        if not missing:
            break
    return families


@lru_cache(maxsize=512)
def _letters(font_file: str) -> frozenset[int]:
    """Which a font can draw; none where it cannot be read."""
    try:
        return frozenset(font_manager.get_font(font_file).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


def save_curves(runs: Sequence[PlacedView], path: Path) -> None:
    """Write the image; the file's ending says in which format. Raises OSError, or ValueError for the ending."""
    draw_curves(runs).savefig(path)

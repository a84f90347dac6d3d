"""Curves as a picture file. The only module that imports matplotlib, and never its pyplot: that keeps figures alive."""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from resnet_demo.training.events import RunView
from resnet_demo.ui.present import article_reference, is_cifar10

TRAIN, TEST, GREY = "#0072b2", "#c25700", "#6b7280"  # as in page.css


def draw_curves(view: RunView) -> Figure:
    """Loss and accuracy over the epochs: train solid, test dashed with points."""
    figure = Figure(figsize=(10, 3.8), layout="constrained", dpi=110)
    loss, accuracy = figure.subplots(1, 2)
    steps = view.started.steps_per_epoch if view.started else 1
    trained, tested = [point.step / steps for point in view.metrics], [point.epoch for point in view.epochs]
    for axes, measure in ((loss, "loss"), (accuracy, "accuracy")):
        axes.plot(trained, [getattr(m, f"train_{measure}") for m in view.metrics], color=TRAIN, label="train")
        values = [getattr(e, f"test_{measure}") for e in view.epochs]
        axes.plot(tested, values, "--o", color=TEST, markersize=4, label="test")
        axes.set_xlabel("epoch")
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    loss.set_title("Loss (cross-entropy)")
    accuracy.set_title("Accuracy")
    accuracy.set_ylim(0, 1)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0))
    if is_cifar10(view):
        value, name = article_reference()
        accuracy.axhline(value, color=GREY, linestyle=":")
        accuracy.text(0.02, value + 0.015, name, color=GREY, fontsize=9, transform=accuracy.get_yaxis_transform())
    return figure


def save_curves(view: RunView, path: Path) -> None:
    """Write the picture; the file's ending says in which format. Raises OSError, or ValueError for the ending."""
    draw_curves(view).savefig(path)

"""The loss around checkpoints, one over the other, and how wide their valleys are. Pure functions."""

import itertools
from collections.abc import Sequence
from html import escape
from statistics import mean

from resnet_demo.language import t
from resnet_demo.models.catalog import ARCHITECTURES
from resnet_demo.runs.measured import LossLandscape
from resnet_demo.ui.html.axis import Axis
from resnet_demo.ui.html.chart import Series, line_chart

RISE = 1.0  # of the loss, by which the width of a valley is told

Named = tuple[str, str, LossLandscape | None]  # a checkpoint's network, its name, and what was measured of it


def lead_html() -> str:
    said = t(
        "Move every filter of a network along a random direction of its own length (Li et al. 2018), and measure the "
        "loss again: 0 are the weights as they were learned. Look how wide and how smooth the valley is: in a narrow "
        "or rough one training needs small steps. That paper finds the surface of a plain network rough at 56 layers, "
        "and hardly different from a residual one's at 20."
    )
    return f'<h2 class="arch-title">{t("The loss landscape around a checkpoint")}</h2><p class="arch-note">{said}</p>'


def landscape_html(checkpoints: Sequence[Named]) -> str:
    """Each checkpoint's lines in a colour of its own, one line a direction."""
    measured = [(place, arch, found) for place, (arch, _, found) in enumerate(checkpoints) if found]
    series = [
        Series(ARCHITECTURES[arch].label if number == 0 else "", f"train run-{place}", points)
        for place, arch, found in measured
        for number, points in enumerate(_lines(found))
    ]
    distances = [distance for _, _, found in measured for distance in found.distances] or [-1.0, 1.0]
    x = Axis("distance, in lengths of the filters", min(distances), max(distances))
    y = Axis.logarithmic("loss", [loss for one in series for _, loss in one.points if loss > 0])
    drawn = line_chart(t("Loss on test images"), x, y, series, empty=t("not measured yet"))
    said = "".join(f"<li>{_told(*checkpoint)}</li>" for checkpoint in checkpoints)
    return f'<div class="compare-charts">{drawn}<ul class="loss-landscapes">{said}</ul></div>'


def _lines(found: LossLandscape) -> list[list[tuple[float, float]]]:
    return [list(zip(found.distances, losses, strict=True)) for losses in found.losses]


def _told(arch: str, name: str, found: LossLandscape | None) -> str:
    label = f"<b>{escape(ARCHITECTURES[arch].label)}</b> ({escape(name)}): "
    if found is None:
        return label + t("not measured yet.")
    lowest = mean(losses[_middle(found)] for losses in found.losses)
    told = {"loss": f"{lowest:.3f}", "rise": RISE}
    if (reach := width(found)) is None:
        said = t("loss {loss}; it does not rise by {rise} within the range.", **told)
    else:
        said = t("loss {loss}; it has risen by {rise} at a distance of {reach}.", reach=f"{reach:.2f}", **told)
    return label + said + " " + t("{images} test images.", images=found.images)


def width(found: LossLandscape) -> float | None:
    """The distance at which the loss has risen by RISE, the mean over all directions and both sides; None where on
    one of them it does not."""
    sides = [side for line in _lines(found) for side in (line[_middle(found) :], line[_middle(found) :: -1])]
    reached = [reach for side in sides if (reach := _reach(side)) is not None]
    return mean(reached) if len(reached) == len(sides) else None


def _middle(found: LossLandscape) -> int:
    """Where the weights are as they were learned."""
    return min(range(len(found.distances)), key=lambda place: abs(found.distances[place]))


def _reach(side: Sequence[tuple[float, float]]) -> float | None:
    """Between the two points around it on a straight line."""
    high = side[0][1] + RISE
    for (near, low), (far, above) in itertools.pairwise(side):
        if above >= high:
            return abs(near + (far - near) * (high - low) / (above - low))
    return None

"""What the blocks do while a run trains: a row for each block, filled from left to right. Pure functions to HTML.
Imports neither gradio nor torch."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from PIL import Image

from resnet_demo.language import t
from resnet_demo.models.catalog import ARCHITECTURES, Architecture
from resnet_demo.runs.events import BlocksMeasured
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.ui.images import data_url

COLUMNS = 120  # of a strip that spans the whole planned run
FAINTEST = 0.08  # opacity of the smallest value, so that what is measured differs from what is to come
ORANGE, GREY = (214, 106, 20), (120, 128, 140)  # of the residual branch and of what is no part of a block; both themes


@dataclass(frozen=True)
class Measure:
    """One number of each block, with its texts. `log` for what differs by orders of magnitude."""

    title: str
    look_for: str
    of: Callable[[BlocksMeasured], Sequence[float | None]]
    colour: tuple[int, int, int]
    log: bool = False


RATIO = Measure(
    "‖F(x)‖ / ‖shortcut(x)‖", "how much each block adds. Look for where it grows first.", lambda m: m.ratios, ORANGE
)
RESPONSE = Measure(
    "Standard deviation of F(x)",
    "how widely its values spread (the paper's figure 7). Where it is small, a block changes little of what it is "
    "given.",
    lambda m: m.response_stds,
    ORANGE,
)
GRADIENT = Measure(
    "Gradient's norm, log scale",
    "the norm of the loss's gradient with respect to each block's output. Look for how it differs between the first "
    "block and the last. With batch norm it does not vanish in a plain network, either (He et al. 2015, section 4.1): "
    "that is not why depth hurts.",
    lambda m: m.gradient_norms,
    GREY,
    log=True,
)
EMPTY = "The blocks are measured every so many steps while a run trains; their strips will fill here."
NEVER = "The blocks of this run were not measured."


def block_names(architecture: Architecture) -> list[str]:
    """As the modules are called, in the network's order."""
    return [f"layer{stage}.{at}" for stage, depth in enumerate(architecture.depths, 1) for at in range(depth)]


def strip_html(shown: Snapshot | None) -> str:
    """Three strips side by side; two for a plain network, which has no ratio."""
    names = block_names(ARCHITECTURES[shown.config.arch]) if shown else []
    points = [p for p in shown.view.blocks if _fits(p, len(names))] if shown else []
    total = shown.view.total_steps if shown else None
    if not points or not total:
        is_over = shown is not None and (shown.view.is_over or not shown.config.measure_blocks_every)
        return f'<p class="strip-empty">{t(NEVER) if is_over else t(EMPTY)}</p>'
    is_plain = all(ratio is None for ratio in points[-1].ratios)
    measures = [RESPONSE, GRADIENT] if is_plain else [RATIO, RESPONSE, GRADIENT]
    return f'<div class="strips">{"".join(_strip(one, names, points, total) for one in measures)}</div>'


def _fits(point: BlocksMeasured, blocks: int) -> bool:
    """A log that somebody has written may tell of other networks."""
    return {len(point.ratios), len(point.response_stds), len(point.gradient_norms)} == {blocks}


def _strip(measure: Measure, names: list[str], points: Sequence[BlocksMeasured], total: int) -> str:
    values = np.array([measure.of(point) for point in points], dtype=float)  # (points, blocks); what is none is NaN
    opacity = _opacity(values, measure.log)
    columns = [min(COLUMNS - 1, point.step * COLUMNS // total) for point in points]
    rows = "".join(_row(name, measure.colour, columns, opacity[:, at], values[:, at]) for at, name in enumerate(names))
    known = values[np.isfinite(values)]
    span = t("no numbers")
    if len(known):
        span = t("{low} to {high}", low=f"{known.min():.3g}", high=f"{known.max():.3g}")
    caption = t(
        "{measure}: {look_for} Full colour is the largest; here {span}.",
        measure=f"<b>{escape(t(measure.title))}</b>",
        look_for=escape(t(measure.look_for)),
        span=span,
    )
    axis = f"<span>{t('start')}</span><span>{t('step {step}', step=f'{total:,}')}</span>"
    return (
        f'<figure class="strip"><figcaption>{caption}</figcaption><div>{rows}<i></i><i class="strip-axis">{axis}</i>'
        "<i></i></div></figure>"
    )


def _row(name: str, colour: tuple[int, int, int], columns: list[int], opacity: np.ndarray, values: np.ndarray) -> str:
    pixels = np.zeros((1, COLUMNS, 4), dtype=np.uint8)
    pixels[..., :3] = colour
    for number, column in enumerate(columns):  # each holds until the next
        begin = columns[number - 1] + 1 if number else 0
        pixels[0, min(begin, column) : column + 1, 3] = round(255 * opacity[number])
    first, last = _number(values[0]), _number(values[-1])
    label = t("{block}: {first} at first, {last} now", block=name, first=first, last=last)
    return (
        f'<span>{name}</span><img src="{data_url(Image.fromarray(pixels))}" alt="{label}" title="{label}">'
        f"<span>{last}</span>"
    )


def _opacity(values: np.ndarray, log: bool) -> np.ndarray:
    """0..1 of the same shape; what is no number is not drawn."""
    if log:
        positive = values > 0
        values = np.where(positive, np.log10(np.where(positive, values, 1.0)), np.nan)
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros_like(values)
    low, high = (float(known.min()) if log else 0.0), float(known.max())
    share = (values - low) / (high - low) if high > low else np.ones_like(values)
    return np.where(np.isfinite(values), FAINTEST + (1 - FAINTEST) * share.clip(0, 1), 0.0)


def _number(value: float) -> str:
    return f"{value:.3g}" if math.isfinite(value) else "–"

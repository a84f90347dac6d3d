"""What one position of a feature map sees of the image, by the layers before it: in numbers, and drawn on an image.
Pure functions to HTML. Imports neither gradio nor torch."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from resnet_demo.language import t
from resnet_demo.ui.html.diagram import stage_title
from resnet_demo.ui.images import data_url

if TYPE_CHECKING:  # brings torch
    from resnet_demo.models.describe import LayerDescription, NetworkDescription

MOST_PIXELS = 112  # a side, as wide as a drawing is on the page
MARGIN = 0.14  # of the image's side, round it: room for a frame that reaches beyond the image


@dataclass(frozen=True)
class ReceptiveField:
    """All in pixels of the image: what a place sees is `pixels` a side, also outside of the image; neighbours lie
    `apart`; the first place sees from `start` on, which is below 0 where it sees padding."""

    pixels: int = 1
    apart: int = 1
    start: int = 0

    def of_place(self, number: int) -> tuple[int, int]:
        """What the place of this number (from 0, in a row or a column) sees: from the first pixel to before the
        second."""
        first = self.start + number * self.apart
        return first, first + self.pixels


def receptive_field(layers: "Iterable[LayerDescription]") -> ReceptiveField:
    """Of the last layer's map."""
    field = ReceptiveField()
    for layer in layers:
        field = ReceptiveField(
            pixels=field.pixels + ((layer.kernel_size or 1) - 1) * field.apart,
            apart=field.apart * (layer.stride or 1),
            start=field.start - (layer.padding or 0) * field.apart,
        )
    return field


def fields_of(network: "NetworkDescription") -> list[tuple[int, ReceptiveField]]:
    """After the stem and after each stage: positions a side of the map, and what they see."""
    passed: list[LayerDescription] = []
    fields = []
    for layers in (
        network.stem,
        *([la for block in stage.blocks for la in block.residual] for stage in network.stages),
    ):
        passed += layers
        fields.append((passed[-1].out_shape[-1], receptive_field(passed)))
    return fields


def seen_text(places: int, field: ReceptiveField) -> str:
    return t("{side} × {side} positions; each sees {pixels} pixels", side=places, pixels=field.pixels)


def left_of_image_html(network: "NetworkDescription", image: Image.Image) -> str:
    """A square RGB image as fine as the map of each part is, each with a frame round what its middle place sees."""
    side = network.in_shape[-1]
    parts = [("stem", t("Stem")), *(("stage", stage_title(stage)) for stage in network.stages)]
    whole = _drawing(image, side, side, "")
    drawn = [_figure("input", t("Input"), t("{side} × {side} pixels", side=side), whole)]
    for (kind, name), (places, field) in zip(parts, fields_of(network), strict=True):
        drawing = _drawing(image, side, places, _frame(side, places, field))
        drawn.append(_figure(kind, name, seen_text(places, field), drawing))
    title = t("What is left of an image")
    note = t(
        "The image as fine as the map of each part: every <b>position</b> of the map is one square, in the mean "
        "colour of the pixels that it stands for. The frame shows what the middle position sees through all layers "
        "before it (its <b>receptive field</b>); a dashed one reaches beyond the image. A position is more than one "
        "colour: its channels tell what it sees, and what they do not tell is lost to all that follows."
    )
    return (
        f'<h2 class="arch-title">{title}</h2><p class="arch-note">{note}</p>'
        f'<div class="left" style="--parts: {len(drawn)}">{"".join(drawn)}</div>'
    )


def _figure(kind: str, name: str, told: str, drawing: str) -> str:
    return f'<figure class="left-{kind}">{drawing}<figcaption><b>{name}</b> {told}</figcaption></figure>'


def _drawing(image: Image.Image, side: int, places: int, frame: str) -> str:
    """In units of the image's pixels. `image-rendering` keeps the squares square."""
    small = image.resize((min(places, MOST_PIXELS),) * 2, Image.Resampling.BOX)
    margin = MARGIN * side
    whole = side + 2 * margin
    return (
        f'<svg viewBox="{-margin:g} {-margin:g} {whole:g} {whole:g}" aria-hidden="true">'
        f'<image href="{data_url(small)}" width="{side}" height="{side}" preserveAspectRatio="none"/>{frame}</svg>'
    )


def _frame(side: int, places: int, field: ReceptiveField) -> str:
    """Round what the middle place sees, and round its own square; what is outside of the drawing is cut off."""
    middle, square, beyond = places // 2, side / places, 0.6 * MARGIN * side
    low, high = field.of_place(middle)
    shown = max(low, -beyond), min(high, side + beyond)
    cut = " left-cut" if low < 0 or high > side else ""
    return _square("left-place", middle * square, (middle + 1) * square) + _square(f"left-sees{cut}", *shown)


def _square(name: str, low: float, high: float) -> str:
    return f'<rect class="{name}" x="{low:g}" y="{low:g}" width="{high - low:g}" height="{high - low:g}"/>'

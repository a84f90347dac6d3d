"""The whole network as one drawing: the image, the stem, every block of every stage, the head, and the feature maps
that flow between them, to scale. `ui/explorer.js` zooms and pans it and opens its blocks.

Pure functions from the measured description to well-formed markup. The parts follow each other like words: a drawing is
broken into lines for a wide page and for a phone, and carries both places of each part.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from itertools import groupby, pairwise
from math import sqrt
from typing import TYPE_CHECKING

from resnet_demo.language import t
from resnet_demo.text import columns, plural
from resnet_demo.ui.html.diagram import (
    layer_text,
    rounded_text,
    shape_text,
    stage_title,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resnet_demo.models.describe import BlockDescription, LayerDescription, NetworkDescription, Shape

# All in units of the drawing, which are about pixels. The data flow along a line's middle, at y = 0 of each part.
WIDE, NARROW = 1000, 350
LINE, MIDDLE = 124, 60  # height of a line, and from its top to its middle
INDENT = 16  # room on both sides for the way from a line's end to the next one
TURN, CURVE = 54, 6  # how far under the middle that way runs; its corners
BLOCK, BOX, GAP, TALLEST = 62, 11, 2, 28  # width of a block, of a convolution, between two; the tallest convolution
SPLIT, SUM, RADIUS, ARC = 5, 53, 5, 30  # of a block: where x leaves the branch and comes back, and how far above it
SLAB_HEIGHT, SLAB_LENGTH, SLANT = 46, 60, 0.34  # of the largest feature map; depth / height
LETTER, TEXT_LINE, ARROW = 5.6, 14, 12

BLOCK_NOTES = {  # by kind, and whether the shape stays
    ("Conv Block", False): "input and output differ in shape, so a layer on the shortcut adapts x",
    ("Conv Block", True): "the shape stays, and yet a layer stands on the shortcut",
    ("Zero-Pad Block", False): "input and output differ in shape, so the shortcut leaves out pixels and adds channels "
    "of zeros",
    ("Identity Block", True): "the shape stays, so the shortcut hands on x as it is",
    ("Plain Block", False): "no shortcut: its layers make anew what goes out",
    ("Plain Block", True): "no shortcut: its layers make anew what goes out",
}
FORMS = {"Identity Block": "identity", "Conv Block": "projection", "Zero-Pad Block": "padding"}  # of a shortcut


@dataclass(frozen=True)
class _Part:
    """Drawn from x = 0 to `width`. `attributes` are those of its group, `title` stands above it."""

    width: float
    attributes: str
    markup: str
    title: str = ""
    stage: int | None = None
    reach: float = 0.0  # how far its title goes, where that is further


Place = tuple[float, float]


def explorer_html(network: NetworkDescription, opened: str) -> str:
    """The drawing with its buttons, the line that tells what is pointed at, and what its signs mean."""
    title = t("{network}, from the image to the classes", network=t(network.label))
    offers = escape(t("{title}: size and files", title=title))
    buttons = "".join(
        f'<button type="button" data-zoom="{step}" aria-label="{name}" title="{name}">{sign}</button>'
        for step, sign, name in (
            ("out", "−", t("Zoom out")),
            ("in", "+", t("Zoom in")),
            ("whole", t("Whole"), t("Show the whole network")),
        )
    )
    hint = t("Click a block to open it. Zoom with + and −, with two fingers, or with Ctrl and the wheel.")
    note = t(
        "Each slab is a <b>feature map</b>, what one part of the network hands to the next: as tall and deep as it "
        "has pixels, as long as it has <b>channels</b> (one channel is one image, made by one learned filter; the "
        "input’s three are red, green and blue). Lengths grow with the square root of the numbers, so that the "
        "smallest can still be seen. In a block each box is a <b>convolution</b>, its number the side of its kernel; "
        "the taller, the more channels it makes."
    )
    return (
        f'<figure class="explorer"><figcaption><b>{escape(title)}</b><span>{buttons}'
        f'<button type="button" class="chart-more" aria-label="{offers}">⋯</button></span></figcaption>'
        f"{explorer_svg(network, opened)}"
        f'<p class="explorer-told" data-hint="{escape(hint)}">{hint}</p></figure>'
        f'{_legend(network)}<p class="arch-note">{note}</p>'
    )


def explorer_svg(network: NetworkDescription, opened: str = "") -> str:
    """The drawing for a wide page; `data-other` has of each part what it has on a phone. A block's group carries its
    name as `data-block`, what is told of it as `data-told`, and `aria-current` where it is the opened one."""
    parts = _parts(network, opened)
    wide, narrow = (_places(parts, width) for width in (WIDE, NARROW))
    drawn = [_paired("path", _bands(parts, wide), _bands(parts, narrow), 'class="explorer-stage"')]
    drawn.append(_paired("path", _turns(parts, wide), _turns(parts, narrow), 'class="explorer-way"'))
    for part, *places in zip(parts, wide, narrow, strict=True):
        moved = [f"translate({x:g} {y:g})" for x, y in places]
        title = f'<text class="explorer-title" y="{11 - MIDDLE}">{part.title}</text>' if part.title else ""
        drawn.append(
            f'<g transform="{moved[0]}" data-other="{moved[1]}">{title}<g {part.attributes}>{part.markup}</g></g>'
        )
    boxes = [f"0 0 {width} {places[-1][1] + LINE - MIDDLE:g}" for width, places in ((WIDE, wide), (NARROW, narrow))]
    label = escape(t("{network}, from the image to the classes", network=t(network.label)))
    return (
        f'<svg class="explorer-ink" viewBox="{boxes[0]}" data-other="{boxes[1]}" role="group" tabindex="0" '
        f'aria-label="{label}">'
        f"{''.join(drawn)}</svg>"
    )


# --- from left to right, line by line ----------------------------------------------------------------------------


def _parts(network: NetworkDescription, opened: str) -> list[_Part]:
    slab = _SlabScale(network)
    parts = [slab.part(network.in_shape, t("Input"))]
    parts.append(_layers(network.stem, t("Stem"), "explorer-stem"))
    parts.append(slab.part(network.stem[-1].out_shape))
    for number, stage in enumerate(network.stages):
        title = f"{escape(stage_title(stage))} <tspan>{plural(len(stage.blocks), 'block')}</tspan>"
        drawn = [(_block_attributes(block, opened), block_markup(block)) for block in stage.blocks]
        parts.append(_Part(BLOCK, *drawn[0], title, number, reach=2 * BLOCK))
        parts += [_Part(BLOCK, *one, stage=number) for one in drawn[1:]]
        parts.append(slab.part(stage.out_shape))
    parts.append(_layers(network.head, t("Head"), "explorer-head"))
    parts.append(slab.part(network.head[-1].out_shape, t("Scores")))
    return parts


def _places(parts: Sequence[_Part], width: float) -> list[Place]:
    """Where the origin of each part lies in lines of that width."""
    places, x, y = [], float(INDENT), float(MIDDLE)
    for part in parts:
        if x + max(part.width, part.reach) > width - INDENT:
            x, y = float(INDENT), y + LINE
        places.append((x, y))
        x += part.width
    return places


def _turns(parts: Sequence[_Part], places: Sequence[Place]) -> str:
    """The way from each line's end to the next one's start."""
    turns = []
    for (part, (x, y)), (_, below) in pairwise(zip(parts, places, strict=True)):
        if below[1] > y:
            c, run, left = CURVE, y + TURN, INDENT - 2 * CURVE
            turns.append(
                f"M{x + part.width:g} {y:g}h{c}q{c} 0 {c} {c}V{run - c:g}q0 {c} -{c} {c}H{left + c}q-{c} 0 -{c} {c}"
                f"V{below[1] - c:g}q0 {c} {c} {c}H{INDENT}"
            )
    return "".join(turns)


def _bands(parts: Sequence[_Part], places: Sequence[Place]) -> str:
    """Behind the blocks of each stage, one box a line."""
    bands = []
    blocks = [(part, *place) for part, place in zip(parts, places, strict=True) if part.stage is not None]
    for _, band in groupby(blocks, key=lambda block: (block[0].stage, block[2])):
        in_line = list(band)
        (_, x, y), (last, end, _) = in_line[0], in_line[-1]
        bands.append(f"M{x:g} {y - MIDDLE + 16:g}H{end + last.width:g}V{y + TURN - 14:g}H{x:g}z")
    return "".join(bands)


def _paired(tag: str, wide: str, narrow: str, attributes: str) -> str:
    return f'<{tag} {attributes} d="{wide}" data-other="{narrow}"/>'


# --- what the parts look like -------------------------------------------------------------------------------------


class _SlabScale:
    """Draws feature maps of one network to one scale."""

    def __init__(self, network: NetworkDescription) -> None:
        shapes = [network.in_shape, network.stem[-1].out_shape, *(stage.out_shape for stage in network.stages)]
        self.per_side = SLAB_HEIGHT / sqrt(max(shape[1] for shape in shapes))
        self.per_channel = SLAB_LENGTH / sqrt(max(shape[0] for shape in shapes))

    def part(self, shape: Shape, title: str = "") -> _Part:
        """Front, top and right face of a slab, with its middle where the data flow, and an arrow that leads to it."""
        length = max(3.0, self.per_channel * sqrt(shape[0]))
        height = max(3.0, self.per_side * sqrt(shape[1] if len(shape) > 1 else 1))
        depth = SLANT * height
        text = shape_text(shape)
        width = max(length + depth, LETTER * columns(text)) + 2 * ARROW
        left, floor = (width - length - depth) / 2, (height + depth) / 2
        top, right = floor - height, left + length
        back = (right + depth, top - depth)
        faces = (
            ("front", [(left, floor), (left, top), (right, top), (right, floor)]),
            ("top", [(left, top), (left + depth, top - depth), back, (right, top)]),
            ("side", [(right, floor), (right, top), back, (right + depth, floor - depth)]),
        )
        drawn = "".join(f'<polygon class="arch-{name}" points="{_points(face)}"/>' for name, face in faces)
        told = escape(t("feature map of {shape}", shape=text))
        return _Part(
            width,
            f'class="arch-slab" role="img" aria-label="{told}" data-told="{told}"',
            f"{_way(0, left, arrow=True)}{_way(right + depth / 2, width)}{drawn}"
            f'<text class="explorer-shape" x="{width / 2:g}" y="{SLAB_HEIGHT + 1}">{text}</text>',
            title,
        )


def _points(corners: Sequence[Place]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _way(start: float, end: float, arrow: bool = False) -> str:
    head = "m-5-3l5 3-5 3" if arrow else ""
    return f'<path class="explorer-way" d="M{start:g} 0H{end:g}{head}"/>'


def _layers(layers: tuple[LayerDescription, ...], title: str, name: str) -> _Part:
    """The stem or the head: a box with a line for each layer."""
    lines = [layer_text(layer) for layer in layers]
    inside = LETTER * max(columns(line) for line in lines) + 16
    width, height = inside + 2 * ARROW, TEXT_LINE * len(lines) + 10
    texts = "".join(
        f'<text x="{width / 2:g}" y="{TEXT_LINE * (number + 0.8) + 5 - height / 2:g}">{line}</text>'
        for number, line in enumerate(lines)
    )
    parameters, multiply_adds = (sum(getattr(one, what) for one in layers) for what in ("parameters", "multiply_adds"))
    told = escape(_told(title, layers[-1].out_shape, parameters, multiply_adds))
    box = f'<rect x="{ARROW}" y="{-height / 2:g}" width="{inside:g}" height="{height}" rx="4"/>'
    return _Part(
        width,
        f'class="explorer-layers {name}" role="img" aria-label="{told}" data-told="{told}"',
        f"{_way(0, ARROW, arrow=True)}{_way(width - ARROW, width)}{box}{texts}",
        title,
    )


def _told(name: str, out: Shape, parameters: int, multiply_adds: int) -> str:
    return t(
        "{part}: {shape} out, {parameters}, {number} multiply-adds",
        part=name,
        shape=shape_text(out),
        parameters=plural(parameters, "parameter"),
        number=rounded_text(multiply_adds),
    )


def _block_attributes(block: BlockDescription, opened: str) -> str:
    told = escape(_told(f"{block.name}, {block.kind}", block.out_shape, block.parameters, block.multiply_adds))
    current = ' aria-current="true"' if block.name == opened else ""
    return (
        f'class="explorer-block" data-block="{escape(block.name)}" tabindex="0" role="button" aria-label="{told}" '
        f'data-told="{told}"{current}'
    )


def block_markup(block: BlockDescription) -> str:
    """A block from x on the left to y on the right: the residual branch on the line, round it the shortcut, and the sum
    where they meet; of a plain block the one way through its layers."""
    frame = f'<rect class="explorer-frame" x="1" y="{-ARC - 10}" width="{BLOCK - 2}" height="{ARC + 46}" rx="4"/>'
    name = f'<text class="explorer-name" x="{BLOCK / 2:g}" y="30">{escape(block.name)}</text>'
    if block.is_plain:
        return f'{frame}<g class="arch-plain"><path d="M0 0H{BLOCK}"/>{_convolutions(block, BLOCK / 2)}</g>{name}'
    plus, ends = RADIUS - 2, SUM - RADIUS
    return (
        f"{frame}{_way(0, SPLIT)}{_way(SUM + RADIUS, BLOCK)}{_shortcut(block)}"
        f'<g class="arch-residual"><path d="M{SPLIT} 0H{ends}"/>{_convolutions(block, (SPLIT + ends) / 2)}</g>'
        f'<g class="arch-sum"><circle cx="{SUM}" r="{RADIUS}"/>'
        f'<path d="M{SUM - plus} 0h{2 * plus}M{SUM} {-plus}v{2 * plus}"/></g>{name}'
    )


def _convolutions(block: BlockDescription, middle: float) -> str:
    """A box for each, as tall as it makes channels, its kernel's side inside, round x = `middle`."""
    layers = [layer for layer in block.residual if layer.kernel_size is not None]
    most = max(layer.out_shape[0] for layer in layers)
    start = middle - (len(layers) * (BOX + GAP) - GAP) / 2
    drawn = []
    for number, layer in enumerate(layers):
        x, height = start + number * (BOX + GAP), TALLEST * sqrt(layer.out_shape[0] / most)
        drawn.append(
            f'<rect x="{x:g}" y="{-height / 2:g}" width="{BOX}" height="{height:g}" rx="1.5"/>'
            f'<text x="{x + BOX / 2:g}" y="3">{layer.kernel_size}</text>'
        )
    return "".join(drawn)


def _shortcut(block: BlockDescription) -> str:
    """Told apart by form: a bare line is the identity, a full box a projection, a dashed one with a 0 zero padding."""
    c, form = CURVE, FORMS[block.kind]
    middle = (SPLIT + SUM) / 2
    box = ""
    if block.shortcut:
        sign = block.shortcut[0].kernel_size or 0
        box = (
            f'<rect x="{middle - BOX:g}" y="{-ARC - 7}" width="{2 * BOX}" height="14" rx="2"/>'
            f'<text x="{middle:g}" y="{3 - ARC}">{f"{sign}×{sign}" if sign else 0}</text>'
        )
    way = f"M{SPLIT} 0V{c - ARC}q0 -{c} {c} -{c}H{SUM - c}q{c} 0 {c} {c}V-{RADIUS}"
    return f'<g class="arch-shortcut explorer-{form}"><path d="{way}"/>{box}</g>'


# --- what its signs mean ------------------------------------------------------------------------------------------


def _legend(network: NetworkDescription) -> str:
    """Of the kinds that this network has."""
    first: dict[tuple[str, str], BlockDescription] = {}
    for block in (block for stage in network.stages for block in stage.blocks):
        first.setdefault((block.kind, BLOCK_NOTES[block.kind, block.keeps_shape]), block)
    items = "".join(
        f'<li><svg class="explorer-ink explorer-sign" viewBox="0 {-ARC - 8} {BLOCK} {ARC + 24}" aria-hidden="true">'
        f"{block_markup(block)}</svg><span>{_note(*noted)}</span></li>"
        for noted, block in first.items()
    )
    return f'<ul class="arch-legend">{items}</ul>'


def _note(kind: str, note: str) -> str:
    return t("{kind}: {note}", kind=f"<b>{escape(kind)}</b>", note=t(note))

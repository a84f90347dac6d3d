"""A NetworkDescription as HTML and SVG: the whole network by stages, its figures, and the table of its stages.

Pure functions from the measured description to well-formed markup. Every number in it is the description's.
"""

from __future__ import annotations

from collections import Counter
from html import escape
from math import sqrt
from typing import TYPE_CHECKING

from resnet_demo.language import CHINESE, ENGLISH, current_language, t
from resnet_demo.text import plural

if TYPE_CHECKING:
    from collections.abc import Iterable

    from resnet_demo.models.describe import (
        BlockDescription,
        LayerDescription,
        NetworkDescription,
        Shape,
        StageDescription,
    )

SLAB_HEIGHT, SLAB_LENGTH, SLANT = 58, 74, 0.34  # of the largest feature map, in pixels; depth / height

LARGE_NUMBERS = {  # Chinese counts by ten thousands
    ENGLISH: ((10**9, "billion"), (10**6, "million")),
    CHINESE: ((10**8, "亿"), (10**4, "万")),
}

BLOCK_NOTES = {  # by kind, and whether the shape stays
    ("Conv Block", False): "input and output differ in shape, so a layer on the shortcut adapts x",
    ("Conv Block", True): "the shape stays, and yet a layer stands on the shortcut",
    ("Zero-Pad Block", False): "input and output differ in shape, so the shortcut leaves out pixels and adds channels "
    "of zeros",
    ("Identity Block", True): "the shape stays, so the shortcut hands on x as it is",
    ("Plain Block", False): "no shortcut: its layers make anew what goes out",
    ("Plain Block", True): "no shortcut: its layers make anew what goes out",
}


def shape_text(shape: Shape) -> str:
    """(256, 8, 8) -> '256 × 8 × 8'."""
    return " × ".join(str(size) for size in shape)


def count_text(count: int) -> str:
    return f"{count:,}"


def rounded_text(count: int) -> str:
    """A large number as one says it: three digits and a word."""
    for size, word in LARGE_NUMBERS[current_language()]:
        if count >= size:
            value = count / size
            return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {word}"
    return count_text(count)


def layer_texts(layer: LayerDescription) -> list[str]:
    """'3×3 convolution' and 'stride 2' (its space unbreakable), 'ReLU'."""
    kernel = "" if layer.kernel_size is None else f"{layer.kernel_size}×{layer.kernel_size} "
    stride = [] if layer.stride is None else [t("stride {pixels}", pixels=layer.stride).replace(" ", "\u00a0")]
    return [escape(text) for text in (f"{kernel}{t(layer.kind)}", *stride)]


def layer_text(layer: LayerDescription) -> str:
    """'3×3 convolution, stride 2'."""
    return t(", ").join(layer_texts(layer))


def blocks_of_each_kind(blocks: Iterable[BlockDescription]) -> list[str]:
    """'1 Conv Block' and '3 Identity Blocks', in the order in which the kinds first occur."""
    return [escape(plural(count, kind)) for kind, count in Counter(block.kind for block in blocks).items()]


def summary_html(network: NetworkDescription) -> str:
    """The network's name, and the figures one compares networks by."""
    blocks = [block for stage in network.stages for block in stage.blocks]
    inside = sum(_weighted(block.residual) for block in blocks)
    figures = [
        (
            plural(network.depth, "layer"),
            t("with weights on the main path; {inside} of them inside the blocks", inside=inside),
        ),
        (plural(len(blocks), "block"), t(", ").join(blocks_of_each_kind(blocks))),
        (
            t("{number} parameters", number=rounded_text(network.parameters)),
            t("the numbers that training adjusts"),
        ),
        (
            t("{number} multiply-adds", number=rounded_text(network.multiply_adds)),
            t("the work of looking at one image once"),
        ),
    ]
    items = "".join(f"<li><strong>{figure}</strong><span>{hint}</span></li>" for figure, hint in figures)
    title = t(
        "{network}: an image of {shape} in, {scores} out",
        network=escape(t(network.label)),
        shape=shape_text(network.in_shape),
        scores=plural(network.head[-1].out_shape[0], "score"),
    )
    return f'<h2 class="arch-title">{title}</h2><ul class="arch-figures">{items}</ul>'


def network_html(network: NetworkDescription) -> str:
    """Input, stem, stages with all their blocks, head; a row on a wide screen, a column on a phone.

    A button of each stage carries its number from 1 as `data-stage`.
    """
    slab = _SlabScale(network)
    stem, head = network.stem, network.head
    parts = [
        _part("input", t("Input"), slab.svg(network.in_shape), _sizes(None, network.in_shape), ""),
        _part("stem", t("Stem"), slab.svg(stem[-1].out_shape), _change(stem), _layer_list(stem)),
        *(_stage(number, stage, slab) for number, stage in enumerate(network.stages, start=1)),
        _part("head", t("Head"), slab.svg(head[-1].out_shape), _change(head), _layer_list(head)),
    ]
    label = escape(t("{network}, from the image to the classes", network=t(network.label)))
    note = t(
        "Each slab is a <b>feature map</b>, what one part of the network hands to the next: as tall and deep as it "
        "has pixels, as long as it has <b>channels</b> (one channel is one image, made by one learned filter; the "
        "input’s three are red, green and blue). Lengths grow with the square root of the numbers, so that the "
        "smallest can still be seen. <b>Stride</b> is how many pixels a layer moves at each step: stride 2 halves "
        "the side."
    )
    return (
        f'<ol class="arch-network" style="--stages: {len(network.stages)}" aria-label="{label}">{"".join(parts)}</ol>'
        f'{_legend(network)}<p class="arch-note">{note}</p>'
    )


def table_html(network: NetworkDescription) -> str:
    """One row for the stem, for each kind of block in each stage, for the head; the whole network last."""
    rows = [_row(t("Stem"), "", None, network.stem[-1].out_shape, network.stem, network)]
    for stage in network.stages:
        for kind in dict.fromkeys(block.kind for block in stage.blocks):
            blocks = [block for block in stage.blocks if block.kind == kind]
            rows.append(_row(stage_title(stage), kind, len(blocks), stage.out_shape, blocks, network))
    rows.append(_row(t("Head"), "", None, network.head[-1].out_shape, network.head, network))
    count = sum(len(stage.blocks) for stage in network.stages)
    total = _row(t("Whole network"), "", count, network.head[-1].out_shape, [network], network)
    columns = (
        t("Part"),
        t("Kind of block"),
        t("Blocks"),
        t("Output shape"),
        t("Parameters"),
        t("Multiply-adds"),
    )
    headings = "".join(f'<th scope="col">{name}</th>' for name in columns)
    caption = t(
        "All stages of {network}. The bars show the share of the whole. Shapes are channels × height × width.",
        network=escape(t(network.label)),
    )
    return (
        f'<table class="arch-table"><caption>{caption}</caption><thead><tr>{headings}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody><tfoot>{total}</tfoot></table>"
    )


def stage_title(stage: StageDescription) -> str:
    """'Stage 1', as a heading."""
    return t(stage.name.capitalize())


def _weighted(layers: Iterable[LayerDescription]) -> int:
    """How many layers a network's name counts: convolutions and the linear layer."""
    return sum(layer.multiply_adds > 0 for layer in layers)


class _SlabScale:
    """Draws feature maps of one network to one scale."""

    def __init__(self, network: NetworkDescription) -> None:
        shapes = [network.in_shape, network.stem[-1].out_shape, *(stage.out_shape for stage in network.stages)]
        self.per_side = SLAB_HEIGHT / sqrt(max(shape[1] for shape in shapes))
        self.per_channel = SLAB_LENGTH / sqrt(max(shape[0] for shape in shapes))

    def svg(self, shape: Shape) -> str:
        """Front, top and right face of a slab, standing on the bottom line of the drawing."""
        length = max(3.0, self.per_channel * sqrt(shape[0]))
        height = max(3.0, self.per_side * sqrt(shape[1] if len(shape) > 1 else 1))
        depth = SLANT * height
        width, floor = SLAB_LENGTH + SLANT * SLAB_HEIGHT + 2, SLAB_HEIGHT * (1 + SLANT) + 1
        left, top = (width - length - depth) / 2, floor - height
        right = left + length
        back = (right + depth, top - depth)
        faces = (
            ("front", [(left, floor), (left, top), (right, top), (right, floor)]),
            ("top", [(left, top), (left + depth, top - depth), back, (right, top)]),
            ("side", [(right, floor), (right, top), back, (right + depth, floor - depth)]),
        )
        drawn = "".join(f'<polygon class="arch-{name}" points="{_points(face)}"/>' for name, face in faces)
        return (
            f'<svg class="arch-slab" width="{width:.0f}" height="{floor + 1:.0f}" role="img" '
            f'aria-label="{t("feature map of {shape}", shape=shape_text(shape))}">{drawn}</svg>'
        )


def _points(corners: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def _part(name: str, title: str, slab: str, sizes: str, details: str) -> str:
    return (
        f'<li class="arch-part arch-{name}"><h3>{title}</h3><div class="arch-map">{slab}{sizes}</div>'
        f'<div class="arch-details">{details}</div></li>'
    )


def _stage(number: int, stage: StageDescription, slab: _SlabScale) -> str:
    title = escape(stage_title(stage))
    details = (
        f'<div class="arch-tiles">{"".join(tile_svg(block.kind, block.name) for block in stage.blocks)}</div>'
        f"<p>{'<br/>'.join(blocks_of_each_kind(stage.blocks))}</p>"
        f'<button type="button" class="arch-open" data-stage="{number}" '
        f'aria-label="{escape(t("Open the blocks of {stage}", stage=t(stage.name)))}">{t("Open its blocks")}</button>'
    )
    return _part("stage", title, slab.svg(stage.out_shape), _sizes(stage.in_shape, stage.out_shape), details)


def _change(layers: tuple[LayerDescription, ...]) -> str:
    return _sizes(layers[0].in_shape, layers[-1].out_shape)


def _sizes(before: Shape | None, after: Shape) -> str:
    """What became of the channels and of the side; `before` is None where nothing came before."""
    old = before if before and len(before) == len(after) else after
    changes = [f"{'' if was == now else f'{was} → '}<b>{now}</b>" for was, now in zip(old, after, strict=True)]
    if len(after) > 1:
        texts = [t("{number} channels", number=changes[0]), t("{number} pixels a side", number=changes[1])]
    else:
        texts = [t("{number} scores,<br/>one for each class", number=changes[0])]
    return f'<p class="arch-sizes">{"".join(f"<span>{text}</span>" for text in texts)}</p>'


def _layer_list(layers: tuple[LayerDescription, ...]) -> str:
    return f'<ul class="arch-layers">{"".join(f"<li>{layer_text(layer)}</li>" for layer in layers)}</ul>'


def tile_svg(kind: str, name: str = "") -> str:
    """A block as a pictogram: the residual branch, and above it the shortcut, with a box if it has a layer, full where
    that learns. A plain block has its layers alone."""
    boxes = {"Conv Block": "arch-x", "Zero-Pad Block": "arch-pad"}
    box = f'<rect class="{boxes[kind]}" x="13" y="2" width="10" height="8" rx="2"/>' if kind in boxes else ""
    arc = "" if kind == "Plain Block" else '<path class="arch-arc" d="M4 20V10Q4 6 8 6H28Q32 6 32 10V20"/>'
    own = {"Conv Block": " arch-projects", "Plain Block": " arch-plain"}
    classes = "arch-tile" + own.get(kind, "")
    label = escape(f"{name}: {kind}" if name else kind)
    return (
        f'<svg class="{classes}" viewBox="0 0 36 28" width="36" height="28" role="img" aria-label="{label}">'
        f"<title>{label}</title>"
        f'<path class="arch-axis" d="M1 20H35"/>{arc}'
        f'<rect class="arch-f" x="10" y="15" width="16" height="10" rx="2"/>{box}</svg>'
    )


def _legend(network: NetworkDescription) -> str:
    """What the pictograms mean: of the kinds that this network has."""
    blocks = (block for stage in network.stages for block in stage.blocks)
    notes = {(block.kind, BLOCK_NOTES[block.kind, block.keeps_shape]) for block in blocks}
    items = "".join(f"<li>{tile_svg(kind)}<span>{_note(kind, note)}</span></li>" for kind, note in sorted(notes))
    return f'<ul class="arch-legend">{items}</ul>'


def _note(kind: str, note: str) -> str:
    return t("{kind}: {note}", kind=f"<b>{escape(kind)}</b>", note=t(note))


def _row(part: str, kind: str, count: int | None, shape: Shape, things: Iterable, network) -> str:
    """A row of the table; `things` have `parameters` and `multiply_adds`, which it adds up."""
    things = list(things)
    parameters = sum(thing.parameters for thing in things)
    multiply_adds = sum(thing.multiply_adds for thing in things)
    cells = [
        (escape(kind), None),
        ("" if count is None else count_text(count), None),
        (shape_text(shape), None),
        (count_text(parameters), parameters / network.parameters),
        (count_text(multiply_adds), multiply_adds / network.multiply_adds),
    ]
    drawn = "".join(
        f"<td>{text}</td>" if share is None else f'<td style="--share: {share:.1%}">{text}</td>'
        for text, share in cells
    )
    return f'<tr><th scope="row">{escape(part)}</th>{drawn}</tr>'

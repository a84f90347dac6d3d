"""A NetworkDescription in figures: those that one compares networks by, and the table of its stages; and how shapes,
counts and layers are written. It is drawn in `explorer` and `block_diagram`.

Pure functions from the measured description to well-formed markup. Every number in it is the description's.
"""

from __future__ import annotations

from collections import Counter
from html import escape
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

LARGE_NUMBERS = {  # Chinese counts by ten thousands
    ENGLISH: ((10**9, "billion"), (10**6, "million")),
    CHINESE: ((10**8, "亿"), (10**4, "万")),
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

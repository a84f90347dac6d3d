"""The inside of one block, and beside it the other kinds of its stage: two branches that leave x and meet in the sum,
or the one way of a plain block.

Pure functions from the measured description to well-formed markup. Which layer stands on which branch is
BlockDescription's `residual`, `shortcut` and `after_sum`, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import prod
from typing import TYPE_CHECKING

from resnet_demo.language import t
from resnet_demo.text import listed, plural
from resnet_demo.ui.html.diagram import count_text, layer_texts, rounded_text, shape_text, stage_title

if TYPE_CHECKING:
    from resnet_demo.models.describe import (
        BlockDescription,
        LayerDescription,
        NetworkDescription,
        Shape,
        StageDescription,
    )

WIDTH = 334  # of the drawing; a phone shows it at about this size, so its letters keep theirs
LINE, PADDING, ARROW = 16, 6, 32  # height of a line of text, space above and below it, length of an arrow
TOP = 24  # where the arrows leave x
SUM_RADIUS = 14


@dataclass(frozen=True)
class _Column:
    """Where a branch stands. `axis` is the x of its arrows."""

    name: str
    left: float
    width: float
    axis: float


RESIDUAL = _Column("residual", 1, 182, 92)
PROJECTION = _Column("shortcut", 187, 146, 260)
IDENTITY = _Column("shortcut", 187, 146, 212)


def opened_html(network: NetworkDescription, name: str) -> str:
    """The inside of the block of that name, and after it the first block of each other kind of its stage, those that
    change the shape apart from those that keep it; where none changes it, a sentence says why."""
    stage, block = next((s, b) for s in network.stages for b in s.blocks if b.name == name)
    first = {_variant(other): other for other in reversed(stage.blocks)} | {_variant(block): block}
    others = sorted((other for other in first.values() if other is not block), key=stage.blocks.index)
    cards = [_card(network, stage, block, "arch-opened"), *(_card(network, stage, other) for other in others)]
    if all(other.keeps_shape for other in stage.blocks):
        cards.append(_unchanging(network, stage))
    return f'<div class="arch-pair">{"".join(cards)}</div>'


def _variant(block: BlockDescription) -> tuple[str, bool]:
    return block.kind, block.keeps_shape


def _unchanging(network: NetworkDescription, stage: StageDescription) -> str:
    """Why this stage has none of the blocks that change the shape."""
    every = (block for stage in network.stages for block in stage.blocks)
    kind = next(block.kind for block in every if not block.keeps_shape)
    has_kind = any(block.kind == kind for block in stage.blocks)
    named = {
        "stage": stage_title(stage),
        "network": t(network.label),
        "kind": kind,
        "shape": shape_text(stage.out_shape),
    }
    if has_kind:
        sentence = t(
            "{stage} of {network} has no {kind} that changes the shape: what comes in already has the shape of what "
            "goes out, {shape}.",
            **named,
        )
    else:
        sentence = t(
            "{stage} of {network} has no {kind}: what comes in already has the shape of what goes out, {shape}, so no "
            "shortcut needs a layer.",
            **named,
        )
    return f'<section class="arch-block arch-absent"><h3>{kind}</h3><p>{escape(sentence)}</p></section>'


def _card(network: NetworkDescription, stage: StageDescription, block: BlockDescription, name: str = "") -> str:
    place = t(
        "{block}, block {number} of {blocks} in {stage}",
        block=block.name,
        number=stage.blocks.index(block) + 1,
        blocks=len(stage.blocks),
        stage=t(stage.name),
    )
    return (
        f'<section class="arch-block {name}"><h3>{escape(block.kind)} <small>{escape(place)}</small></h3>'
        f"{formula_html(block)}{_costs(block)}{block_svg(network, block)}</section>"
    )


def formula_html(block: BlockDescription) -> str:
    """What the block computes, its terms in the colours of the branches, and under it the terms with the block's own
    numbers."""
    outer = "".join(f"{escape(layer.kind.lower())}(" for layer in reversed(block.after_sum))
    terms = f'<span class="arch-term"><span>H(x)</span><small>{t("its layers")}</small></span>'
    if not block.is_plain:
        terms = (
            f'<span class="arch-term arch-orange"><span>F(x)</span><small>{t("residual")}</small></span><span>+</span>'
            f'<span class="arch-term arch-blue"><span>{_shortcut_term(block)}</span>'
            f"<small>{t('shortcut')}</small></span>"
        )
    return (
        f'<p class="arch-formula"><span>y = {outer}</span>{terms}<span>{")" * len(block.after_sum)}</span></p>'
        f"{_in_numbers(block)}"
    )


def _in_numbers(block: BlockDescription) -> str:
    """F(x), and the shortcut where it learns, as the layers follow each other, with the shape of each filter."""
    weights = _Weights()
    branch = "H(x)" if block.is_plain else "F(x)"
    lines = [f'<span class="{"" if block.is_plain else "arch-orange"}">{branch}</span> = {weights.of(block.residual)}']
    if any(layer.parameters for layer in block.shortcut):
        lines.append(f'<span class="arch-blue">{_shortcut_term(block)}</span> = {weights.of(block.shortcut, "s")}')
    shapes = t(
        "x is {x}, y is {y}; a filter W is output × input channels × height × width",
        x=shape_text(block.in_shape),
        y=shape_text(block.out_shape),
    )
    return f'<p class="arch-numbers">{"<br/>".join([*lines, listed(weights.shapes), shapes])}</p>'


class _Weights:
    """Names the convolutions of a block in the order in which they are met."""

    def __init__(self) -> None:
        self.shapes: list[str] = []

    def of(self, layers: tuple[LayerDescription, ...], name: str = "") -> str:
        """The layers applied to x, one inside the other. `name` is the index of its only filter, where it has one."""
        applied = "x"
        for layer in layers:
            if layer.kind == "convolution" and layer.kernel_size:
                weight = f"W<sub>{name or len(self.shapes) + 1}</sub>"
                size = (layer.out_shape[0], layer.in_shape[0], layer.kernel_size, layer.kernel_size)
                self.shapes.append(f"<span>{weight}: {shape_text(size)}</span>")
                bias = weight.replace("W", " + b", 1) if layer.parameters > prod(size) else ""
                applied = f"{weight} ∗ {applied}{bias}"
            else:
                applied = f"{_short(layer)}({applied})"
        return applied


def _short(layer: LayerDescription) -> str:
    return {"batch norm": "bn", "zero padding": "pad"}.get(layer.kind, escape(layer.kind.lower()))


def _shortcut_term(block: BlockDescription) -> str:
    if not block.shortcut:
        return "x"
    return "W<sub>s</sub> x" if any(layer.parameters for layer in block.shortcut) else "pad(x)"


def _costs(block: BlockDescription) -> str:
    if block.is_plain:
        return f'<p class="arch-costs"><span>{_cost(block.residual)}</span></p>'
    return (
        f'<p class="arch-costs"><span class="arch-orange">{t("Residual: {cost}", cost=_cost(block.residual))}</span>'
        f'<span class="arch-blue">{t("Shortcut: {cost}", cost=_cost(block.shortcut))}</span></p>'
    )


def _cost(layers: tuple[LayerDescription, ...]) -> str:
    if not layers:
        return t("no layer, nothing to learn")
    if not any(layer.parameters or layer.multiply_adds for layer in layers):
        return t("{layer}, nothing to learn", layer=t(layers[0].kind))
    return t(
        "{parameters}, {number} multiply-adds",
        parameters=plural(sum(layer.parameters for layer in layers), "parameter"),
        number=rounded_text(sum(layer.multiply_adds for layer in layers)),
    )


def block_svg(network: NetworkDescription, block: BlockDescription) -> str:
    """The block from x at the top to y at the bottom, in groups of classes `arch-residual`, `arch-shortcut` and
    `arch-after-sum`; of a plain block in one, `arch-plain`."""
    if block.is_plain:
        drawn, bottom = _one_way(block)
    else:
        drawn, bottom = _two_ways(block)
    label = escape(_told(network, block))
    box = f"0 0 {WIDTH} {bottom + LINE + PADDING}"
    return (
        f'<svg class="arch-flow" viewBox="{box}" role="img" aria-label="{label}">'
        f"{_tensor('x', block.in_shape, LINE)}{drawn}{_tensor('y', block.out_shape, bottom + LINE)}</svg>"
    )


def _told(network: NetworkDescription, block: BlockDescription) -> str:
    """The drawing in a sentence, for who does not see it."""
    named = {
        "block": f"{block.kind} {block.name}",
        "network": t(network.label),
        "x": shape_text(block.in_shape),
        "y": shape_text(block.out_shape),
    }
    if block.is_plain:
        return t(
            "{block} of {network}: x of {x} goes through {layers}, without a shortcut, and leaves as y of {y}.",
            layers=plural(len(block.layers), "layer"),
            **named,
        )
    return t(
        "{block} of {network}: x of {x} goes through the residual branch ({residual}) and through the shortcut "
        "({shortcut}); their sum leaves as y of {y}.",
        residual=plural(len(block.residual), "layer"),
        shortcut=plural(len(block.shortcut), "layer"),
        **named,
    )


def _one_way(block: BlockDescription) -> tuple[str, float]:
    """A plain block's layers, and where the arrow to y ends."""
    way, end = _branch(block.layers, RESIDUAL)
    bottom = end + ARROW - 6
    return f'<g class="arch-plain">{way}{_arrow(RESIDUAL.axis, end, bottom, None)}</g>', bottom


def _two_ways(block: BlockDescription) -> tuple[str, float]:
    """Both branches, their sum and what follows it, and where the arrow to y ends."""
    residual, end = _branch(block.residual, RESIDUAL)
    total = max(end, _branch(block.shortcut, PROJECTION)[1]) + ARROW + SUM_RADIUS  # the sum's middle
    residual += _arrow(RESIDUAL.axis, end, total - SUM_RADIUS, block.out_shape)
    after, bottom = _after_sum(block, total + SUM_RADIUS)
    drawn = (
        f'<g class="arch-shortcut">{_shortcut(block, total)}</g><g class="arch-residual">{residual}</g>'
        f'{_sum(RESIDUAL.axis, total)}<g class="arch-after-sum">{after}</g>'
    )
    return drawn, bottom


def _shortcut(block: BlockDescription, total: float) -> str:
    """The way round the residual branch, from where it leaves x to the sum at y = `total`."""
    column = PROJECTION if block.shortcut else IDENTITY
    layers, end = _branch(block.shortcut, column)
    leaves = f'<path d="M{RESIDUAL.axis} {TOP + 10}H{column.axis - 8}q8 0 8 8V{TOP + ARROW}"/>'
    meets = f'<path d="M{column.axis} {end}V{total - 8}q0 8 -8 8H{RESIDUAL.axis + SUM_RADIUS + 6}"/>'
    shape = shape_text(block.out_shape)
    texts = _text(shape, RESIDUAL.axis + SUM_RADIUS + 12, total + LINE, "start")
    if not block.shortcut:
        told = t("x as it is:\nno layer,\n0 parameters").split("\n")
        texts += _texts(told, column.axis + 10, 120, "start")
    return f"{leaves}{layers}{meets}{_head(RESIDUAL.axis + SUM_RADIUS, total, 'left')}{texts}"


def _branch(layers: tuple[LayerDescription, ...], column: _Column) -> tuple[str, float]:
    """The branch's layers from the top down, and where it ends. An arrow stands before each layer with a kernel;
    what follows without one (batch norm, ReLU) works on its result and is drawn as part of it."""
    parts: list[str] = []
    y: float = TOP
    for index, layer in enumerate(layers):
        if index == 0 or layer.kernel_size is not None:
            shape = layer.in_shape if index else None  # the first layer's is written at x
            parts.append(_arrow(column.axis, y, y + ARROW, shape, tail=column is RESIDUAL or index > 0))
            y += ARROW
        box, height = _box(layer, column, y)
        parts.append(box)
        y += height
    return "".join(parts), y if layers else TOP + ARROW


def _box(layer: LayerDescription, column: _Column, y: float) -> tuple[str, float]:
    """The layer's name and what it has to learn, in a box as tall as its lines."""
    kernel, *stride = layer_texts(layer)
    padding = [] if layer.padding is None else [t("padding {pixels}", pixels=layer.padding).replace(" ", "\u00a0")]
    lines = [kernel, t(", ").join([*stride, *padding])] if stride or padding else [kernel]
    if layer.parameters:
        lines.append(t("{number} parameters", number=count_text(layer.parameters)))
    height = LINE * len(lines) + PADDING
    classes = "arch-layer arch-kernel" if layer.kernel_size is not None else "arch-layer"
    middle = column.left + column.width / 2
    return (
        f'<g class="{classes}"><title>{escape(layer.name)}</title>'
        f'<rect x="{column.left}" y="{y}" width="{column.width}" height="{height}" rx="3"/>'
        f"{_texts(lines, middle, y + LINE - 1)}</g>"
    ), height


def _after_sum(block: BlockDescription, y: float) -> tuple[str, float]:
    """The sum's arrow, the layers that follow it, and the arrow to y."""
    parts = [_arrow(RESIDUAL.axis, y, y + ARROW, None)]
    y += ARROW
    for layer in block.after_sum:
        box, height = _box(layer, RESIDUAL, y)
        parts.append(box)
        y += height
    parts.append(_arrow(RESIDUAL.axis, y, y + ARROW - 6, None))
    return "".join(parts), y + ARROW - 6


def _sum(x: float, y: float) -> str:
    """The node where the branches meet: in both their colours."""
    r = SUM_RADIUS
    return (
        f'<g class="arch-sum"><circle cx="{x}" cy="{y}" r="{r}"/>'
        f'<path class="arch-f" d="M{x} {y - r}A{r} {r} 0 0 0 {x} {y + r}"/>'
        f'<path class="arch-x" d="M{x} {y - r}A{r} {r} 0 0 1 {x} {y + r}"/>'
        f'<path d="M{x - 6} {y}h12M{x} {y - 6}v12"/>{_text(t("sum"), x - r - 8, y + 4, "end")}</g>'
    )


def _tensor(letter: str, shape: Shape, y: float) -> str:
    name = f'<tspan class="arch-letter">{letter}</tspan>'
    return f'<g class="arch-tensor">{_text(f"{name} {shape_text(shape)}", RESIDUAL.axis, y)}</g>'


def _arrow(x: float, start: float, end: float, shape: Shape | None, tail: bool = True) -> str:
    """A downward arrow with what flows along it written beside it; without `tail`, its head alone."""
    line = f'<path d="M{x} {start}V{end - 6}"/>' if tail else ""
    text = _text(shape_text(shape), x + 9, (start + end) / 2 + 3, "start") if shape else ""
    return line + _head(x, end, "down") + text


def _head(x: float, y: float, direction: str) -> str:
    corners = [(0, 0), (-4.5, -8), (4.5, -8)] if direction == "down" else [(0, 0), (8, -4.5), (8, 4.5)]
    return f'<polygon points="{" ".join(f"{x + dx},{y + dy}" for dx, dy in corners)}"/>'


def _texts(lines, x: float, y: float, anchor: str = "middle") -> str:
    return "".join(_text(line, x, y + LINE * index, anchor) for index, line in enumerate(lines))


def _text(markup: str, x: float, y: float, anchor: str = "middle") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{markup}</text>'

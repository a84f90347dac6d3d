"""Two networks side by side: what differs, and what each leaves of an image. Pure functions to HTML. Imports neither
gradio nor torch."""

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

from resnet_demo.language import t
from resnet_demo.text import percent
from resnet_demo.ui.html.diagram import count_text, rounded_text
from resnet_demo.ui.html.receptive_field import fields_of, seen_text

if TYPE_CHECKING:  # brings torch
    from resnet_demo.models.describe import LayerDescription, NetworkDescription

KINDS_SHOWN = ("1×1 convolution", "3×3 convolution", "7×7 convolution", "batch norm", "linear")


def comparison_html(left: "NetworkDescription", right: "NetworkDescription") -> str:
    """A table with a row for each figure, and one for what each stage leaves of the image."""
    pairs = zip(_figures(left), _figures(right), strict=True)
    rows = [_row(name, a, b) for (name, a), (_, b) in pairs]
    rows += [_row(name, *values) for name, values in _left_of_image(left, right)]
    names = "".join(f'<th scope="col">{escape(_title(one))}</th>' for one in (left, right))
    caption = t(
        "What differs stands in bold. A position of a map sees so many pixels a side of the image through all layers "
        "before it (its receptive field)."
    )
    return (
        f'<table class="compare"><caption>{caption}</caption>'
        f"<thead><tr><td></td>{names}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _title(network: "NetworkDescription") -> str:
    return t(
        "{network}, stem {stem}, shortcuts {shortcuts}",
        network=t(network.label),
        stem=network.stem_name,
        shortcuts=network.shortcut_name,
    )


def _layers(network: "NetworkDescription") -> "list[LayerDescription]":
    blocks = [block for stage in network.stages for block in stage.blocks]
    return [*network.stem, *(layer for block in blocks for layer in block.layers), *network.head]


def _figures(network: "NetworkDescription") -> list[tuple[str, str]]:
    blocks = Counter(block.kind for stage in network.stages for block in stage.blocks)
    figures = [
        (t("Layers with weights on the main path"), count_text(network.depth)),
        (t("Blocks"), t(", ").join(f"{count} {kind}" for kind, count in blocks.items())),
        (t("Parameters"), count_text(network.parameters)),
        (t("Multiply-adds for one image"), rounded_text(network.multiply_adds)),
    ]
    parameters, work = Counter[str](), Counter[str]()
    for layer in _layers(network):
        parameters[_kind(layer)] += layer.parameters
        work[_kind(layer)] += layer.multiply_adds
    for kind in KINDS_SHOWN:
        shares = parameters[kind] / network.parameters, work[kind] / network.multiply_adds
        figures.append((t("{layers}: share of parameters / of work", layers=t(kind)), " / ".join(map(percent, shares))))
    return figures


def _kind(layer: "LayerDescription") -> str:
    size = f"{layer.kernel_size}×{layer.kernel_size} " if layer.kind == "convolution" else ""
    return f"{size}{layer.kind}"


def _left_of_image(left: "NetworkDescription", right: "NetworkDescription") -> list[tuple[str, list[str]]]:
    """After the stem and after each stage: positions a side of the map, and what one of them sees."""
    columns = [_after_each(one) for one in (left, right)]
    names = max(columns, key=len)
    return [(t("After {part}", part=name), [column.get(name, "–") for column in columns]) for name in names]


def _after_each(network: "NetworkDescription") -> dict[str, str]:
    stem, *stages = fields_of(network)
    after = {t("the stem"): seen_text(*stem)}
    return after | {t(stage.name): seen_text(*field) for stage, field in zip(network.stages, stages, strict=True)}


def _row(name: str, left: str, right: str) -> str:
    tag = "b" if left != right else "span"
    cells = "".join(f"<td><{tag}>{escape(value)}</{tag}></td>" for value in (left, right))
    return f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>'

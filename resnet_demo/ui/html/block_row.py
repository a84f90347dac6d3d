"""A checkpoint's blocks as a row that an image passes: what each adds, what is lost without it, and the answer. Pure
functions to HTML. Imports neither gradio nor torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from resnet_demo.data.examples import Example
from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.measured import BlockAblation
from resnet_demo.text import percent
from resnet_demo.ui.html.diagram import shape_text, stage_title
from resnet_demo.ui.images import data_url

if TYPE_CHECKING:  # bring torch
    from resnet_demo.inference.blocks import BlockPass, OpenedBlock, Pass
    from resnet_demo.models.describe import BlockDescription, NetworkDescription

SHOWN_CLASSES = 10
MAP_SIDE = 72  # pixels on the page


@dataclass(frozen=True, eq=False)
class BlockRow:
    """All that is drawn of one image's way through one checkpoint."""

    network: "NetworkDescription"
    info: ModelInfo
    passed: "Pass"
    untrained: Sequence[float | None]  # ratios in the order of the blocks
    ablation: BlockAblation | None
    seen: Image.Image  # as the network saw it


def row_html(row: BlockRow) -> str:
    """The blocks, stage by stage, and beside them the answer. A block's button carries its name as `data-block`, and
    is pressed where the block is off."""
    ratios = [ratio for ratio in (*(block.ratio for block in row.passed.blocks), *row.untrained) if ratio is not None]
    highest = max(ratios, default=1.0)
    passed = {block.name: (block, ratio) for block, ratio in zip(row.passed.blocks, row.untrained, strict=True)}
    stages = "".join(
        f'<section class="blocks-stage"><h3>{escape(stage_title(stage))} '
        f"<small>{shape_text(stage.out_shape)}</small></h3><div>"
        f"{''.join(_block(row, block, *passed[block.name], highest) for block in stage.blocks)}</div></section>"
        for stage in row.network.stages
    )
    notes = [_what_to_look_for(row)]
    if row.ablation:
        notes.append(_ablation_note(row.ablation))
    return (
        f'<div class="blocks"><div><p class="arch-note">{_hint(_is_plain(row))}</p>'
        f'<div class="blocks-stages">{stages}</div><p class="arch-note">{t(" ").join(notes)}</p></div>'
        f"{_answer(row)}</div>"
    )


def no_checkpoint() -> str:
    return t("No run has a checkpoint yet. Train one, and its blocks can be switched off here.")


def no_checkpoint_html() -> str:
    return f'<p class="arch-note">{no_checkpoint()}</p>'


def _hint(is_plain: bool) -> str:
    if is_plain:
        return t(
            "<b>Click a block</b> to switch it off: it has no shortcut, so nothing is left. Blocks are counted from 0: "
            "layer2.0 is the first of stage 2. What an opened block makes of the image is drawn below."
        )
    return t(
        '<b>Click a block</b> to switch it off: its <span class="arch-orange">F(x)</span> becomes zero and only the '
        '<span class="arch-blue">shortcut</span> is left. Blocks are counted from 0: layer2.0 is the first of stage 2. '
        "What an opened block makes of the image is drawn below."
    )


def _is_plain(row: BlockRow) -> bool:
    return all(block.ratio is None for block in row.passed.blocks)


def _what_to_look_for(row: BlockRow) -> str:
    if _is_plain(row):
        return t(
            "A plain block has no shortcut, so its output H(x) has no x to be compared with. Switch any one off: "
            "nothing gets through, and the answer is the same for every image. A plain network needs each of its "
            "blocks, useful or not."
        )
    return t(
        'The <span class="arch-orange">orange bar</span> is ‖F(x)‖ / ‖shortcut(x)‖ for this image: how much the block '
        "adds beside what goes round it. The grey line is the same in a network of this shape with random weights; a "
        "run may start far below it, for the setting “Zero-init residual” lets each branch begin with nothing. Look "
        "for low bars: such a block nearly hands on what it is given. Then try it: does the answer need the low ones "
        "least?"
    )


def _block(
    row: BlockRow, block: "BlockDescription", passed: "BlockPass", untrained: float | None, highest: float
) -> str:
    meter = ""
    if passed.ratio is not None:
        meter = f'<span class="blocks-fill" style="height:{100 * passed.ratio / highest:.1f}%"></span>'
    if untrained is not None:
        meter += f'<span class="blocks-line" style="bottom:{100 * untrained / highest:.1f}%"></span>'
    number = "–" if passed.ratio is None else f"{passed.ratio:.2f}"
    opened = row.passed.opened is not None and row.passed.opened.name == block.name
    named = {"block": block.name, "kind": block.kind}
    if passed.ratio is None:
        label = t("{block}, {kind}", **named)
    else:
        label = t("{block}, {kind}, adds {number} times its shortcut", number=number, **named)
    return (
        f'<button type="button" class="blocks-block{" blocks-opened" if opened else ""}" data-block="{block.name}" '
        f'aria-pressed="{str(passed.is_off).lower()}" title="{escape(label)}" '
        f'aria-label="{escape(t("Switch off {block}", block=label))}">'
        f'<span class="blocks-name">{block.name}</span><span class="blocks-meter">{meter}</span><b>{number}</b>'
        f"{_tile(block.kind)}{_loss(row.ablation, block.name)}</button>"
    )


def _tile(kind: str) -> str:
    """A block as a pictogram: the residual branch, and above it the shortcut, with a box if it has a layer, full where
    that learns. A plain block has its layers alone."""
    boxes = {"Conv Block": "arch-x", "Zero-Pad Block": "arch-pad"}
    box = f'<rect class="{boxes[kind]}" x="13" y="2" width="10" height="8" rx="2"/>' if kind in boxes else ""
    arc = "" if kind == "Plain Block" else '<path class="arch-arc" d="M4 20V10Q4 6 8 6H28Q32 6 32 10V20"/>'
    classes = "arch-tile arch-plain" if kind == "Plain Block" else "arch-tile"
    return (
        f'<svg class="{classes}" viewBox="0 0 36 28" width="36" height="28" role="img" aria-label="{escape(kind)}">'
        f"<title>{escape(kind)}</title>"
        f'<path class="arch-axis" d="M1 20H35"/>{arc}'
        f'<rect class="arch-f" x="10" y="15" width="16" height="10" rx="2"/>{box}</svg>'
    )


def _loss(ablation: BlockAblation | None, name: str) -> str:
    """What the accuracy loses without the block, in percentage points, as a number and a bar that hangs, to the scale
    of the block that is needed most."""
    if ablation is None or name not in ablation.without:
        return ""
    points = 100 * (ablation.accuracy - ablation.without[name])
    most = 100 * (ablation.accuracy - min(ablation.without.values()))
    text = "0.0" if abs(points) < 0.05 else f"{-points:+.1f}".replace("-", "−")
    height = 100 * max(0.0, points) / most if most > 0 else 0.0
    return f'<span class="blocks-loss"><span style="height:{height:.1f}%"></span></span><small>{text}</small>'


def _ablation_note(ablation: BlockAblation) -> str:
    return t(
        "The grey bar that hangs below a block, and its number, is what the accuracy loses without it, in percentage "
        "points: with all blocks {share} of {images} test images are classified correctly. Look for long ones: those "
        "blocks this network needs most. Bars are drawn to the scale of its longest one, {most} points.",
        share=percent(ablation.accuracy),
        most=f"{100 * (ablation.accuracy - min(ablation.without.values())):.1f}",
        images=f"{ablation.images:,}",
    )


# --- the answer ---------------------------------------------------------------------------------------------------


def _answer(row: BlockRow) -> str:
    """A bar for each class in its own place, so that it jumps where it stands; a mark says where it was with all on."""
    passed, classes = row.passed, row.info.classes
    order = list(range(len(classes)))
    if len(classes) > SHOWN_CLASSES:
        order = sorted(order, key=lambda at: -max(passed.intact[at], passed.probabilities[at]))[:SHOWN_CLASSES]
    best = max(range(len(classes)), key=passed.probabilities.__getitem__)
    bars = "".join(
        f'<li{" class=blocks-best" if at == best else ""}><span class="classify-name">{escape(classes[at])}</span>'
        f'<span class="blocks-bar"><span style="width:{100 * passed.probabilities[at]:.2f}%"></span>'
        f'<i style="left:{100 * passed.intact[at]:.2f}%"></i></span>'
        f'<span class="classify-share">{percent(passed.probabilities[at])}</span></li>'
        for at in order
    )
    seen = escape(t("The image at 32 by 32 pixels, as the network saw it"))
    return (
        f'<div class="blocks-answer"><div class="blocks-head"><img src="{data_url(row.seen)}" alt="{seen}">'
        f'{_verdict(row, best)}</div><ol class="classify-bars">{bars}</ol>'
        f'<p class="arch-note">{t("The thin mark is the answer with all blocks on.")}</p></div>'
    )


def _verdict(row: BlockRow, best: int) -> str:
    classes, passed = row.info.classes, row.passed
    first = max(range(len(classes)), key=passed.intact.__getitem__)
    now = f"<strong>{escape(classes[best])}</strong> {percent(passed.probabilities[best])}"
    off = [block.name for block in passed.blocks if block.is_off]
    named = {"blocks": len(passed.blocks), "answer": f"{escape(classes[first])} {percent(passed.intact[first])}"}
    if not off:
        told = t("all {blocks} blocks are on", **named)
    elif len(off) == 1:
        told = t("without {block}; with all of them {answer}", block=off[0], **named)
    else:
        told = t("without {number} of {blocks} blocks; with all of them {answer}", number=len(off), **named)
    return f'<p role="status">{now}<br><small>{told}</small></p>'


def problem_html(sentence: str) -> str:
    """Why no image can be sent through."""
    return f'<p role="alert">✕ {escape(t(sentence))}</p>'


# --- inside the clicked block ---------------------------------------------------------------------------------------


def maps_html(opened: "OpenedBlock | None") -> str:
    """The strongest channels of what the block adds, and the same of what goes round it and of what leaves it; ''
    before a click."""
    if opened is None:
        return ""
    residual, output = opened.residual.numpy(), opened.output.numpy()
    shortcut = None if opened.shortcut is None else opened.shortcut.numpy()
    span = max(float(np.abs(found).max()) for found in (residual, shortcut) if found is not None) or 1.0
    if shortcut is None:
        rows = [
            (t("What its layers make: light is positive, dark negative, mid-grey zero."), (residual / span + 1) / 2)
        ]
        leaves = t("The same channels as they leave the block, after ReLU: black is zero.")
    else:
        around = t(
            'The <span class="arch-blue">shortcut</span>: x as it goes round, light where it is positive, dark where '
            "negative, mid-grey where zero."
        )
        adds = t(
            'Plus <span class="arch-orange">F(x)</span>, what the block adds, to the same scale. Look for parts of the '
            "image that it picks out."
        )
        rows = [(around, (shortcut / span + 1) / 2), (adds, (residual / span + 1) / 2)]
        leaves = t("The same channels as they leave the block, after the sum and ReLU: black is zero.")
    rows.append((leaves, output / (float(output.max()) or 1.0)))
    names = "".join(f"<span>{t('channel {number}', number=channel)}</span>" for channel in opened.channels)
    title = t(
        "{block}: its {number} strongest channels for this image",
        block=escape(opened.name),
        number=len(opened.channels),
    )
    drawn = "".join(
        f'<p class="arch-note">{said}</p><div class="blocks-tiles">{"".join(map(_map, maps))}</div>'
        for said, maps in rows
    )
    return (
        f'<div class="blocks-maps" style="--maps: {len(opened.channels)}"><h3>{title}</h3>'
        f'{drawn}<div class="blocks-tiles blocks-names">{names}</div></div>'
    )


def _map(values: np.ndarray) -> str:
    """(h, w) in 0..1 as a grey image, its places as squares."""
    image = Image.fromarray((255 * values.clip(0, 1)).round().astype(np.uint8))
    return f'<img src="{data_url(image)}" alt="{t("feature map")}" width="{MAP_SIDE}" height="{MAP_SIDE}">'


def choices_html(examples: Sequence[Example], chosen: str) -> str:
    """Images to send through; a button carries the example's name as `data-example`."""
    buttons = "".join(
        f'<button type="button" data-example="{escape(one.name)}" aria-pressed="{str(one.name == chosen).lower()}" '
        f'title="{escape(t(one.label))}"><img src="{data_url(one.image.resize((48, 48)))}" '
        f'alt="{escape(t(one.label))}">'
        "</button>"
        for one in examples
    )
    return f'<div class="blocks-examples">{buttons}</div>'

"""What the Architecture tab answers a choice with: the chosen network, measured and drawn.

Torch is imported by the first drawing, never by this module: the page is served before.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import gradio as gr

from resnet_demo.data.examples import drawn_example
from resnet_demo.language import t
from resnet_demo.models.catalog import ARCHITECTURES, AUTO, SHORTCUTS, STEMS, NetworkSpec
from resnet_demo.ui.html import block_diagram, diagram, explorer
from resnet_demo.ui.html.network_comparison import comparison_html
from resnet_demo.ui.html.receptive_field import left_of_image_html
from resnet_demo.ui.html.walk import step_named
from resnet_demo.ui.tabs.walk import INPUT_SIZE as WALKED_SIZE
from resnet_demo.ui.wiring import described

if TYPE_CHECKING:  # brings torch
    from resnet_demo.models.describe import NetworkDescription

INPUT_SIZES = (32, 64, 128, 224)
FIRST, FIRST_SIZE = NetworkSpec("resnet50"), INPUT_SIZES[0]  # what is shown before anything is chosen
FIRST_BLOCK = "layer1.0"  # every network has it
SEEN = "horse"  # the example image that is shown to the drawn network


def draw_named(arch: str, stem: str, shortcut: str, input_size: int, opened: str = FIRST_BLOCK, step: str = "") -> list:
    """The network that an address names, or that its step of the walk draws, chosen and drawn; in place of what is not
    offered stands what is shown first."""
    walked = step_named(step)
    if walked and walked.drawn:
        return draw_chosen(walked.drawn.network, WALKED_SIZE, walked.drawn.opened)
    arch = arch if arch in ARCHITECTURES else FIRST.arch
    stem = stem if stem in STEMS else FIRST.stem
    shortcut = shortcut if shortcut in ARCHITECTURES[arch].shortcuts else AUTO
    size = input_size if input_size in INPUT_SIZES else FIRST_SIZE
    return draw_chosen(NetworkSpec(arch, stem, shortcut=shortcut), size, opened)


def draw_chosen(spec: NetworkSpec, input_size: int, opened: str) -> list:
    """A network, chosen and drawn, with the inside of that block."""
    return [spec.arch, input_size, *draw_another(spec.arch, spec.stem, input_size, opened, spec.shortcut)]


def draw_another(arch: str, stem: str, input_size: int, opened: str, shortcut: str = AUTO) -> tuple:
    """Another network: the stems and shortcuts that it has, of which what was chosen stays chosen where it has it, the
    opened block likewise, and the drawings. Raises gr.Error for a foreign value."""
    _check(arch, ARCHITECTURES, t("network"))
    spec = NetworkSpec(arch, _check(stem, STEMS, t("stem")), shortcut=shortcut)
    architecture = spec.architecture
    opened = opened if opened in _names(_described(arch, spec.stem, spec.shortcut, input_size)) else FIRST_BLOCK
    return (
        gr.update(choices=labelled(STEMS, architecture.stems), value=spec.stem),
        gr.update(choices=labelled(SHORTCUTS, architecture.shortcuts), value=spec.shortcut),
        opened,
        *draw_network(arch, spec.stem, spec.shortcut, input_size, opened),
    )


def draw_beside(spec: NetworkSpec, other: NetworkSpec, input_size: int, opened: str) -> list:
    """A network, chosen and drawn, and another one that it is compared with. The comparison comes along, since its
    own event comes only where the first network is another one."""
    compared = compare(spec.arch, spec.stem, spec.shortcut, input_size, other.arch, other.stem)
    return [*draw_chosen(spec, input_size, opened), other.arch, other.stem, compared]


def labelled(names: dict, offered: Iterable[str]) -> list[tuple[str, str]]:
    return [(t(getattr(label, "label", label)), name) for name, label in names.items() if name in offered]


def _names(network: "NetworkDescription") -> list[str]:
    return [block.name for stage in network.stages for block in stage.blocks]


def draw_network(arch: str, stem: str, shortcut: str, input_size: int, opened: str) -> tuple[str, ...]:
    """Figures, network, opened block, what is left of an image, and table of the chosen network. Raises gr.Error for a
    foreign value."""
    description = _described(arch, stem, shortcut, input_size)
    return (
        diagram.summary_html(description),
        explorer.explorer_html(description, opened),
        draw_block(arch, stem, shortcut, input_size, opened),
        left_of_image_html(description, drawn_example(SEEN)),
        diagram.table_html(description),
    )


def draw_block(arch: str, stem: str, shortcut: str, input_size: int, opened: str) -> str:
    """The inside of a block, and the other kinds of its stage. Raises gr.Error for a foreign value."""
    description = _described(arch, stem, shortcut, input_size)
    return block_diagram.opened_html(description, _check(opened, _names(description), t("block")))


def compare(arch: str, stem: str, shortcut: str, input_size: int, other: str, other_stem: str) -> str:
    """The chosen network and another one with the shortcuts that its source gives it. Raises gr.Error for a foreign
    value."""
    _check(other, ARCHITECTURES, t("network"))
    second = NetworkSpec(other, _check(other_stem, STEMS, t("stem")))
    return comparison_html(_described(arch, stem, shortcut, input_size), described(second, input_size))


def _described(arch: str, stem: str, shortcut: str, input_size: int) -> "NetworkDescription":
    _check(arch, ARCHITECTURES, t("network"))
    _check(stem, STEMS, t("stem"))
    _check(shortcut, ARCHITECTURES[arch].shortcuts, t("shortcuts"))
    return described(NetworkSpec(arch, stem, shortcut=shortcut), _check(input_size, INPUT_SIZES, t("input size")))


def _check(value, offered, noun: str):
    """The value, if it is one of those offered (True is not 1); a list or dict is none."""
    if not isinstance(value, str | int) or isinstance(value, bool) or value not in offered:
        choices = ", ".join(str(choice) for choice in offered)
        sentence = t("There is no such {noun} here. Choose one of {choices}.", noun=noun, choices=choices)
        raise gr.Error(sentence, print_exception=False)
    return value

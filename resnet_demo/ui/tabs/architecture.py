"""The Architecture tab: choose a network, and see it measured and drawn.

Torch is imported by the first drawing, never by this module: the page is served before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from resnet_demo.models.catalog import ARCHITECTURES, SHORTCUTS, STEMS
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.architecture import (
    blocks_intro_html,
    compare_html,
    measuring_html,
    networks_html,
    next_html,
    why_html,
)
from resnet_demo.ui.tabs.blocks import BlocksPanel
from resnet_demo.ui.tabs.experiments import ExperimentsPanel
from resnet_demo.ui.tabs.loss_landscape import LossLandscapePanel
from resnet_demo.ui.tabs.network_drawing import (
    FIRST,
    FIRST_BLOCK,
    FIRST_SIZE,
    INPUT_SIZES,
    compare,
    draw_another,
    draw_beside,
    draw_block,
    draw_named,
    draw_network,
    labelled,
)
from resnet_demo.ui.tabs.walk import Walk
from resnet_demo.ui.wiring import POLL_EVENT, RAW_INPUTS, html_of, script

OTHER = "resnet34"  # what the first network is compared with, before anything is chosen

# The first drawing is already of what the address names: one of what is shown else could come later, and stay. The
# address chooses, too (`ui/address.py`), where it names this tab: only then is its network read here.
NAMED_BY_ADDRESS = """(network, stem, shortcut, size, block, step) => {
  const given = Object.fromEntries(new URLSearchParams(location.search));
  if (given.tab !== 'architecture') return [network, stem, shortcut, size, block, step];
  return [given.network ?? network, given.stem ?? stem, given.shortcut ?? shortcut, Number(given.size ?? size) || 0,
          given.block ?? block, given.step ?? step];
}"""

# What was chosen meanwhile may be drawn before the first drawing has come, which then stands in its place.
_DRAWN = "() => { window.networkDrawn = true; }"
_DRAWN_BEFORE = "() => window.networkDrawn ? String(Date.now()) : ''"

# A drawing takes milliseconds once torch is there. The handler checks its values: its sentence is a better answer
# than Gradio's.
HANDLER = {**POLL_EVENT, **RAW_INPUTS}


@dataclass(frozen=True)
class ArchitectureTab:
    """The tab's components. Call `wire` once, inside the Blocks."""

    choices: list[Any]  # network, stem, shortcuts, input size, opened block
    drawings: list[gr.HTML]  # figures, network, opened block, what is left of an image, table
    blocks: BlocksPanel
    comparing: list[Any]
    compared: gr.HTML
    walk: Walk
    landscape: LossLandscapePanel
    experiments: ExperimentsPanel
    redraw: gr.Textbox  # changes when what is chosen is to be drawn anew

    @property
    def named(self) -> list[Any]:
        """What an address names, in the order of `draw_named`'s answer."""
        arch, stem, shortcut, size, opened = self.choices
        return [arch, size, stem, shortcut, opened, *self.drawings]

    def wire(self, demo: gr.Blocks, checkpoints: gr.Textbox, jobs: gr.Textbox) -> None:
        """Fill the drawings once the page stands in the browser. `checkpoints` changes with the runs' checkpoints,
        `jobs` when a measurement has begun or ended."""
        # The drawings alone: by the time that torch is there somebody may have chosen another network.
        first = demo.load(
            lambda *asked: draw_named(*asked)[-len(self.drawings) :],
            [*self.choices, self.walk.step],
            self.drawings,
            js=NAMED_BY_ADDRESS,
            api_name="architecture_load",
            **HANDLER,
        )
        first.then(None, None, self.redraw, js=_DRAWN_BEFORE)
        # The figures come with the stem and the shortcuts that the chosen network has; the choice itself comes before.
        gr.on(
            [self.drawings[0].change, self.comparing[-2].input, self.comparing[-1].input],
            compare,
            self.comparing,
            self.compared,
            api_name="architecture_compare",
            trigger_mode="always_last",
            **HANDLER,
        )
        self.blocks.wire(demo, checkpoints, jobs)
        self.landscape.wire(checkpoints, jobs)
        walked = self.walk.wire(draw_beside, [*self.named, *self.comparing[-2:], self.compared], self.blocks)
        walked.success(None, js=_DRAWN)


def build_architecture_tab(backend: Backend) -> ArchitectureTab:
    """Lay out the tab inside the current `gr.Tab`. Imports no torch."""
    _html(why_html)
    walk = Walk()
    blocks = BlocksPanel(backend)
    _html(networks_html)
    networks = [(architecture.label, name) for name, architecture in ARCHITECTURES.items()]
    with gr.Row():
        arch = gr.Dropdown(
            networks,
            value=FIRST.arch,
            label="Network",
            info="ResNet-20, 32, 44, 56 and 110 are the paper's small networks; plain ones have no shortcuts.",
            min_width=300,
        )
        size = gr.Radio(
            [(f"{n} × {n}", n) for n in INPUT_SIZES], value=FIRST_SIZE, label="Input size, in pixels", min_width=300
        )
    with gr.Row():
        stem = gr.Radio(
            labelled(STEMS, FIRST.architecture.stems),
            value=FIRST.stem,
            label="Stem",
            info="The first layers: they shrink the image for the blocks.",
            min_width=300,
        )
        shortcut = gr.Radio(
            labelled(SHORTCUTS, FIRST.architecture.shortcuts),
            value=FIRST.shortcut,
            label="Shortcuts",
            info="How x is brought to the shape of F(x).",
            min_width=300,
            elem_id="arch-shortcut",
        )
    summary = _html(measuring_html)
    network = _space("network", js_on_load=script("explorer.js"))
    opened = gr.Textbox(FIRST_BLOCK, visible="hidden")
    _html(blocks_intro_html, elem_id="arch-blocks")
    block = _space("block")
    left = _space("left")
    table = _space("table")
    _html(compare_html)
    with gr.Row():
        other = gr.Dropdown(networks, value=OTHER, label="Compare with", min_width=300, elem_id="compare-with")
        other_stem = gr.Radio(
            labelled(STEMS, STEMS), value=FIRST.stem, label="Its stem, where it has a choice", min_width=300
        )
    compared = _space("compared")
    redraw = gr.Textbox("", visible="hidden")
    experiments, landscape = ExperimentsPanel(backend), LossLandscapePanel(backend)
    _html(next_html)

    drawings, comparing = [summary, network, block, left, table], [arch, stem, shortcut, size, other, other_stem]
    choices = [arch, stem, shortcut, size, opened]
    tab = ArchitectureTab(choices, drawings, blocks, comparing, compared, walk, landscape, experiments, redraw)
    latest = {"trigger_mode": "always_last", **HANDLER}
    parts = [stem, shortcut, opened, *tab.drawings]
    another = arch.input(draw_another, [arch, stem, size, opened], parts, api_name="architecture_another", **latest)
    drawn = gr.on(
        [stem.input, shortcut.input, size.input, redraw.change],
        draw_network,
        tab.choices,
        tab.drawings,
        api_name="architecture",
        **latest,
    )
    for one in (another, drawn):
        one.success(None, js=_DRAWN)
    # Changes with a click alone: an opened block that a handler names has come with its drawing.
    opening = gr.Textbox("", visible="hidden")
    network.click(None, None, [opened, opening], js="() => [window.openedBlock, String(Date.now())]")
    opening.change(draw_block, tab.choices, block, api_name="architecture_block", **latest)
    return tab


def _space(name: str, **settings: Any) -> gr.HTML:
    """Of the height of what comes there later."""
    space = f'<div class="arch-space-{name}"></div>'
    return gr.HTML(space, elem_id=f"arch-{name}", elem_classes="arch-html", **settings)


def _html(make: Callable[[], str], elem_id: str | None = None) -> gr.HTML:
    return html_of(make, elem_id=elem_id, elem_classes="arch-html")

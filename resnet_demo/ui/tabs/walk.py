"""The guided walk of the Architecture tab: a card whose steps set the tab's choices, draw, and point at what they speak
of. What it says stands in `html/walk`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gradio as gr

from resnet_demo.language import t
from resnet_demo.models.catalog import NetworkSpec
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.measured import BlockAblation
from resnet_demo.ui.html import walk
from resnet_demo.ui.html.walk_facts import Facts, Trained
from resnet_demo.ui.tabs.blocks import Asked, BlocksPanel
from resnet_demo.ui.wiring import POLL_EVENT, RAW_INPUTS, described, html_of, script

if TYPE_CHECKING:  # brings torch
    from resnet_demo.models.describe import NetworkDescription

INPUT_SIZE = 32  # pixels a side, of all that the walk says
POINT = "() => { window.dispatchEvent(new Event('walked')); }"
STANDING = "() => document.querySelector('#walk [data-shown]')?.dataset.shown ?? ''"


class Walk:
    """Built where it is called; then call `wire`."""

    def __init__(self) -> None:
        self.card = html_of(walk.start_html, js_on_load=script("walk.js"), elem_id="walk", elem_classes="arch-html")
        self.step = gr.Textbox("", visible="hidden")  # which is wanted, by a press or by the address; '' for none

    def wire(
        self, draw: Callable[[NetworkSpec, NetworkSpec, int, str], list], drawn: list[Any], blocks: BlocksPanel
    ) -> gr.events.Dependency:
        """`draw(network, the one it is compared with, input size, opened block)` fills the components `drawn`. Returns
        the event that does."""
        self.draw, self.blocks = draw, blocks
        self.undrawn, self.unswitched = [gr.skip()] * len(drawn), [gr.skip()] * len(blocks.switched)
        self.card.click(None, None, self.step, js="() => window.walkStep")
        done = self.step.change(
            self.go,
            [self.step, *blocks.asked],
            [self.card, *drawn, *blocks.switched],
            api_name="architecture_walk",
            trigger_mode="always_last",
            **POLL_EVENT,
            **RAW_INPUTS,
        )
        done.success(None, js=POINT)
        done.failure(None, None, self.step, js=STANDING)  # the same press would change nothing
        return done

    def go(self, name: str, *asked: Any) -> list:
        """The step of this number, '' being the end; a raw request may send anything."""
        if not name:
            return [walk.start_html(), *self.undrawn, *self.unswitched]
        step = walk.step_named(name)
        if step is None:
            raise gr.Error(t("There is no such step."), print_exception=False)
        if step.drawn is None:
            trained, switched = self._switch_one_off(asked)
            return [walk.step_html(int(name), Facts(measured, trained)), *self.undrawn, *switched]
        shown = self.draw(step.drawn.network, step.drawn.beside, INPUT_SIZE, step.drawn.opened)
        return [walk.step_html(int(name), Facts(measured)), *shown, *self.unswitched]

    def _switch_one_off(self, asked: tuple) -> tuple[Trained | None, list]:
        """Of the chosen checkpoint the block that it needs most, as far as that was measured."""
        known = self.blocks.known_of(Asked(*asked).run)
        if known is None:
            return None, self.unswitched
        info, ablation = known
        off = _worth_switching(info, ablation)
        is_plain = info.network().architecture.is_plain
        return Trained(off, is_plain, ablation, own_image=Asked(*asked).upload is not None), self.blocks.show_without(
            off, *asked
        )


def measured(spec: NetworkSpec) -> "NetworkDescription":
    return described(spec, INPUT_SIZE)


def _worth_switching(info: ModelInfo, ablation: BlockAblation | None) -> str:
    if ablation and ablation.without:
        return min(ablation.without, key=ablation.without.__getitem__)
    stages = measured(info.network()).stages
    return stages[len(stages) // 2].blocks[0].name

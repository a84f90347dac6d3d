"""The walk through the Architecture tab: what each step draws, at what it points, and the card that says it.
What it says stands in `walk_networks` and `walk_blocks`. Pure functions to HTML. Imports neither gradio nor torch."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from resnet_demo.language import t
from resnet_demo.models.catalog import NetworkSpec
from resnet_demo.ui.html import walk_blocks, walk_networks
from resnet_demo.ui.html.walk_facts import (
    KEEPS_EVERY_PLACE,
    OPTIONS,
    PLAIN20,
    PLAIN56,
    RESNET34,
    RESNET50,
    RESNET56,
    Facts,
    Said,
)

OUTLINE = "outline: 3px solid var(--color-accent) !important; outline-offset: var(--outlined, 4px);"


@dataclass(frozen=True)
class Drawn:
    """What is chosen on the tab for a step: a network, which of its blocks is open, and what it is compared with, with
    the shortcuts that its source gives it."""

    network: NetworkSpec
    opened: str
    beside: NetworkSpec


@dataclass(frozen=True)
class Step:
    """`target` is a list of CSS selectors of what the step speaks of; the page goes to the first of them. Where `drawn`
    is None the drawings stay, and a block of the checkpoint is switched off."""

    target: str
    say: Callable[[Facts], Said]
    drawn: Drawn | None


STEPS = (
    Step("#arch-compared", walk_networks.why_depth_hurt, Drawn(PLAIN56, "layer1.0", PLAIN20)),
    Step("#arch-block .arch-opened", walk_blocks.what_the_sum_changes, Drawn(RESNET56, "layer1.0", PLAIN56)),
    Step("#arch-block .arch-opened", walk_blocks.why_1x1, Drawn(RESNET50, "layer1.1", RESNET34)),
    Step("#arch-block .arch-opened", walk_blocks.why_no_chain, Drawn(RESNET50, "layer2.0", RESNET34)),
    Step("#arch-left", walk_networks.what_the_stem_throws_away, Drawn(RESNET50, "layer1.0", KEEPS_EVERY_PLACE)),
    Step(
        "#arch-shortcut, #arch-network .explorer",
        walk_networks.what_the_options_cost,
        Drawn(OPTIONS["C"], "layer1.0", RESNET50),
    ),
    Step("#blocks-row .blocks-answer, #blocks-row [aria-pressed=true]", walk_blocks.what_a_trained_network_needs, None),
)


def step_named(name: str) -> Step | None:
    """The step that an address names by its number from 1."""
    return dict(zip(map(str, range(1, len(STEPS) + 1)), STEPS, strict=True)).get(name)


def start_html() -> str:
    """The way in, small: most of what is on the tab needs no guide."""
    told = t(
        "<b>A walk through the network</b>: {number} steps draw the networks that they speak of, point at what to look "
        "at, and say why it is so.",
        number=len(STEPS),
    )
    return (
        f'<section class="walk"><p>{told}</p>'
        f'<button type="button" data-step="1" data-go="next">{t("Start the walk")}</button></section>'
    )


def step_html(number: int, facts: Facts) -> str:
    """Step `number`, from 1. Its buttons carry the step that they lead to as `data-step`, '' for the end; `data-target`
    is the step's target, which a rule outlines, so that it stays outlined however often it is drawn anew."""
    step = STEPS[number - 1]
    said = step.say(facts)
    paragraphs = "".join(f"<p>{sentence}</p>" for sentence in said.sentences)
    counted = t("Step {number} of {steps}", number=number, steps=len(STEPS))
    return (
        f"<style>:is({step.target}) {{ {OUTLINE} }}</style>"
        f'<section class="walk walk-on" data-shown="{number}" data-target="{escape(step.target)}">'
        f'<div class="walk-lead">'
        f'<p>{counted}</p><h3>{said.title}</h3><div class="walk-buttons">{_buttons(number)}</div></div>'
        f'<div class="walk-text">{paragraphs}</div></section>'
    )


def _buttons(number: int) -> str:
    back = _button(number - 1, "back", t("Back"), number == 1)
    onward = _button(number + 1, "next", t("Next"), number == len(STEPS))
    return back + onward + _button("", "end", t("End the walk"))


def _button(leads_to: int | str, go: str, text: str, off: bool = False) -> str:
    return f'<button type="button" data-step="{leads_to}" data-go="{go}"{" disabled" if off else ""}>{text}</button>'

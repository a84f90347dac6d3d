"""The Architecture tab: choose a network, and see it measured and drawn.

Torch is imported by the first drawing, never by this module: the page is served before.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from resnet_demo.data.examples import drawn_example
from resnet_demo.language import t
from resnet_demo.models.catalog import ARCHITECTURES, AUTO, SHORTCUTS, STEMS, NetworkSpec
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html import block_diagram, diagram, explorer
from resnet_demo.ui.html.network_comparison import comparison_html
from resnet_demo.ui.html.receptive_field import left_of_image_html
from resnet_demo.ui.html.walk import step_named
from resnet_demo.ui.tabs.blocks import BlocksPanel
from resnet_demo.ui.tabs.experiments import ExperimentsPanel
from resnet_demo.ui.tabs.loss_landscape import LossLandscapePanel
from resnet_demo.ui.tabs.walk import INPUT_SIZE as WALKED_SIZE
from resnet_demo.ui.tabs.walk import Walk
from resnet_demo.ui.wiring import POLL_EVENT, RAW_INPUTS, described, html_of, script

if TYPE_CHECKING:  # brings torch
    from resnet_demo.models.describe import NetworkDescription

INPUT_SIZES = (32, 64, 128, 224)
FIRST, FIRST_SIZE = NetworkSpec("resnet50"), INPUT_SIZES[0]  # what is shown before anything is chosen
FIRST_BLOCK = "layer1.0"  # every network has it
OTHER = "resnet34"  # and beside it
SEEN = "horse"  # the example image that is shown to the drawn network

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
    _html(_networks_html)
    with gr.Row():
        arch = gr.Dropdown(
            [(architecture.label, name) for name, architecture in ARCHITECTURES.items()],
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
            _labelled(STEMS, FIRST.architecture.stems),
            value=FIRST.stem,
            label="Stem",
            info="The first layers: they shrink the image for the blocks.",
            min_width=300,
        )
        shortcut = gr.Radio(
            _labelled(SHORTCUTS, FIRST.architecture.shortcuts),
            value=FIRST.shortcut,
            label="Shortcuts",
            info="How x is brought to the shape of F(x).",
            min_width=300,
            elem_id="arch-shortcut",
        )
    summary = _html(_measuring_html)
    network = _space("network", js_on_load=script("explorer.js"))
    opened = gr.Textbox(FIRST_BLOCK, visible="hidden")
    _html(_blocks_intro_html, elem_id="arch-blocks")
    block = _space("block")
    left = _space("left")
    table = _space("table")
    _html(_compare_html)
    with gr.Row():
        others = [(architecture.label, name) for name, architecture in ARCHITECTURES.items()]
        other = gr.Dropdown(others, value=OTHER, label="Compare with", min_width=300, elem_id="compare-with")
        other_stem = gr.Radio(
            _labelled(STEMS, STEMS), value=FIRST.stem, label="Its stem, where it has a choice", min_width=300
        )
    compared = _space("compared")
    redraw = gr.Textbox("", visible="hidden")
    experiments, landscape = ExperimentsPanel(backend), LossLandscapePanel(backend)
    _html(_next_html)

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
        gr.update(choices=_labelled(STEMS, architecture.stems), value=spec.stem),
        gr.update(choices=_labelled(SHORTCUTS, architecture.shortcuts), value=spec.shortcut),
        opened,
        *draw_network(arch, spec.stem, spec.shortcut, input_size, opened),
    )


def draw_beside(spec: NetworkSpec, other: NetworkSpec, input_size: int, opened: str) -> list:
    """A network, chosen and drawn, and another one that it is compared with. The comparison comes along, since its
    own event comes only where the first network is another one."""
    compared = compare(spec.arch, spec.stem, spec.shortcut, input_size, other.arch, other.stem)
    return [*draw_chosen(spec, input_size, opened), other.arch, other.stem, compared]


def _labelled(names: dict, offered: Iterable[str]) -> list[tuple[str, str]]:
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


# --- what stands between the drawings --------------------------------------------------------------------------


def _title(text: str) -> str:
    return f'<h2 class="arch-title">{text}</h2>'


def why_html() -> str:
    """What a residual network is, before any of it is shown."""
    lead = t(
        "A deep network made of blocks, each of which adds something to what it is given instead of making it anew."
    )
    problem = t(
        "Deeper should be better, but a plain stack of layers gets worse: on CIFAR-10, 56 plain layers make more "
        "errors than 20, even on the images they were trained on. So this is not overfitting: they are harder to "
        "optimise. This is called <b>degradation</b>."
    )
    idea = t(
        "A <b>residual block</b> does not learn what should come out, H(x), but what must be added to what came in: "
        'the <b>residual</b> <span class="arch-orange">F(x) = H(x) − x</span>. The input <span '
        'class="arch-blue">x</span> goes round by a <b>shortcut</b>, and the two are summed.'
    )
    help_ = t(
        'Where a block has nothing to improve, pushing <span class="arch-orange">F</span> towards zero makes it the '
        "<b>identity</b>: what comes in goes out. That is easier than teaching layers to copy, so one more block need "
        "do no harm."
    )
    parts = ((t("The problem"), problem), (t("The idea"), idea), (t("Why it helps"), help_))
    return (
        f'{_title(t("What is a residual network?"))}<p class="arch-lead">{lead}</p><div class="arch-why">'
        f"{''.join(f'<div><h3>{title}</h3><p>{text}</p></div>' for title, text in parts)}</div>"
    )


def _measuring_html() -> str:
    said = t("Measuring the network… this takes some seconds at first.")
    return f'<div class="arch-space-summary"><p class="arch-measuring" role="status">{said}</p></div>'


def _networks_html() -> str:
    return _title(t("Any network of the family, measured and drawn"))


def _blocks_intro_html() -> str:
    said = t(
        'Follow <b>x</b> from the top: it takes two ways, the <span class="arch-orange">residual branch</span> and '
        'the <span class="arch-blue">shortcut</span>, which must end in the same shape to be added. A '
        "<b>convolution</b> slides small learned filters over the map; <b>batch norm</b> keeps its numbers in a "
        "steady range; <b>ReLU</b> sets negative numbers to zero. A 1×1 convolution on the shortcut is called a "
        "<b>projection</b>, written W<sub>s</sub>. Where a Conv Block changes the shape, the same block cannot "
        "follow it; Identity Blocks can be repeated any number of times. A <b>plain</b> block has no shortcut: "
        "<b>x</b> takes one way. Shapes are channels × height × width."
    )
    return f'{_title(t("Inside the blocks"))}<p class="arch-note">{said}</p>'


def _compare_html() -> str:
    said = t(
        "What another depth costs, and which kind of layer holds it. Look at the last rows, too: how soon one "
        "position sees more than the whole image, and how few positions are left."
    )
    return f'{_title(t("Beside another network"))}<p class="arch-note">{said}</p>'


def _next_html() -> str:
    said = t("Now watch it learn: open the <b>Train</b> tab and click Start training.")
    return f'<p class="arch-next">{said}</p>'


def _space(name: str, **settings: Any) -> gr.HTML:
    """Of the height of what comes there later."""
    space = f'<div class="arch-space-{name}"></div>'
    return gr.HTML(space, elem_id=f"arch-{name}", elem_classes="arch-html", **settings)


def _html(make: Callable[[], str], elem_id: str | None = None) -> gr.HTML:
    return html_of(make, elem_id=elem_id, elem_classes="arch-html")

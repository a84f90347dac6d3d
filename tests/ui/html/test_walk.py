"""What the walk says: every number against torchvision's networks, arithmetic on their shapes, the paper or
docs/experiments.md; and each step points at something that is on the page."""

import re
from html import unescape
from math import prod
from pathlib import Path
from statistics import fmean

import pytest
import torch
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from resnet_demo.models.describe import describe
from resnet_demo.models.resnet import NetworkSpec, build_on_meta
from resnet_demo.runs.measured import BlockAblation
from resnet_demo.ui.html import block_diagram, explorer, walk
from resnet_demo.ui.html.block_row import row_html
from resnet_demo.ui.html.walk import STEPS, start_html, step_html
from resnet_demo.ui.html.walk_facts import MEASURED, MEASURED_IMAGES, MEASURED_STEPS, Facts, Trained, blocks_of
from tests.ui.html.test_block_row import row

EXPERIMENTS = Path(__file__).parents[3] / "docs" / "experiments.md"
# Digits that count nothing: names of networks, of layers, of data, and places in the paper.
NAMES = re.compile(r"(Plain|ResNet)-\d+|CIFAR-10|\d×\d|top-1|layer\d\.\d|He et al\. 2015, (figure|table) \d|stage 3")
ABLATION = BlockAblation("", "digits", 1234, 0.816, {"layer1.0": 0.391, "layer2.0": 0.323, "layer3.2": 0.795})


def measured(spec):
    return describe(spec, 32)


def numbers(step: int, trained: Trained | None = None) -> list[str]:
    """Of what step `step` says, in its order."""
    said = " ".join(STEPS[step - 1].say(Facts(measured, trained)).sentences)
    return re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", NAMES.sub("", unescape(re.sub("<[^>]+>", "", said))))


def of_torchvision(arch: str) -> nn.Module:
    with torch.device("meta"):
        return getattr(torchvision.models, arch)(num_classes=10).eval()


def parameters(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def multiply_adds(model: nn.Module) -> int:
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(1, 3, 32, 32, device="meta"))
    return counter.get_total_flops() // 2


def millions(number: int) -> str:
    return f"{number / 1e6:.{1 if number >= 1e7 else 2}f}"


def sees(layers: list[nn.Conv2d | nn.MaxPool2d]) -> int:
    """Pixels a side that one place sees behind convolutions and poolings, from the last to the first."""
    side = 1
    for layer in reversed(layers):
        kernel, stride = ((one if isinstance(one, int) else one[0]) for one in (layer.kernel_size, layer.stride))
        side = (side - 1) * stride + kernel
    return side


def test_the_numbers_of_depth():
    deep, shallow = (build_on_meta(NetworkSpec(arch)) for arch in ("plain56", "plain20"))
    convolutions = [sum(isinstance(module, nn.Conv2d) for module in model.modules()) for model in (deep, shallow)]
    told = ["9.4", "74.7", "0.1", "7.4"]
    assert told == [f"{100 * fmean(errors):.1f}" for errors in MEASURED.values()]
    ratio = f"{parameters(deep) / parameters(shallow):.1f}"
    assert numbers(1) == [str(convolutions[0] - convolutions[1]), ratio, f"{parameters(deep):,}", "256", "1,280", *told]


def test_what_was_measured_is_what_the_docs_say():
    text = EXPERIMENTS.read_text(encoding="utf-8")
    section = text.partition("## Degradation on two cores")[2].partition("\n## ")[0]
    rows = {name: errors for name, errors in re.findall(r"^\| ((?:Plain|ResNet)-\d+) \| ([^|]+) \|", section, re.M)}
    assert {name: tuple(float(one[:-2]) for one in errors.split(", ")) for name, errors in rows.items()} == {
        name: tuple(round(100 * error, 1) for error in errors) for name, errors in MEASURED.items()
    }
    assert f"{MEASURED_IMAGES} digits" in section and f"{MEASURED_STEPS:,} steps" in section


def test_the_numbers_of_the_sum():
    models = [build_on_meta(NetworkSpec(arch)).eval() for arch in ("resnet56", "plain56")]
    blocks = [block for stage in models[0].stages for block in stage]
    identities = sum(block.downsample is None for block in blocks)
    learned = parameters(*(block.downsample for block in blocks if block.downsample is not None))
    counts, work = [f"{parameters(model):,}" for model in models], [f"{multiply_adds(m) / 1e6:.0f}" for m in models]
    assert numbers(2) == [str(identities), str(len(blocks)), str(learned), *counts, *work, "8.75", "6.97"]
    assert counts == ["853,018"] * 2 and work[0] == work[1] and learned == 0  # only the sums are new


def test_the_numbers_of_1x1_convolutions():
    resnet50, resnet34 = of_torchvision("resnet50"), of_torchvision("resnet34")
    block = resnet50.layer1[1]
    weights = parameters(block.conv1, block.conv2, block.conv3)
    wide, narrow = block.conv1.in_channels, block.conv1.out_channels
    pair = 2 * parameters(nn.Conv2d(wide, wide, 3, bias=False))
    work = [multiply_adds(model) for model in (resnet50, resnet34)]
    assert numbers(3) == [
        *map(str, (wide, narrow, wide)),
        *(f"{weights:,}", str(wide), f"{pair:,}", f"{pair / weights:.1f}"),
        *(millions(8 * 8 * pair), millions(8 * 8 * weights)),
        *(f"{100 * (work[0] / work[1] - 1):.1f}", *map(millions, work)),
    ]


def test_the_numbers_of_chaining():
    resnet50, resnet152 = of_torchvision("resnet50"), of_torchvision("resnet152")
    first, *others = resnet50.layer2
    gets, gives = first.conv1.in_channels, first.conv3.out_channels
    # A biased 1×1 convolution and its norm, once in stage 2, three times in stage 3, twice in stage 4.
    needless = sum(times * (c * c + 3 * c) for times, c in ((1, 512), (3, 1024), (2, 2048)))
    assert numbers(4) == [
        *map(str, (gets, 8, 8, gives, 4, 4, gets, gives)),
        *map(str, (gives, 4, 4, len(others), len(resnet50.layer3) - 1, len(resnet152.layer3) - 1)),
        *("6", f"{needless:,}"),
    ]


def test_the_numbers_of_the_stem():
    model = of_torchvision("resnet50")
    stem = [model.conv1, model.maxpool]
    stages = (model.layer1, model.layer2, model.layer3, model.layer4)
    inside = [conv for stage in stages for block in stage for conv in (block.conv1, block.conv2, block.conv3)]
    image = torch.empty(1, 3, 32, 32, device="meta")
    left = model.maxpool(model.conv1(image))
    last = nn.Sequential(*stages)(left)
    keeps = of_torchvision("resnet50")
    keeps.conv1, keeps.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False, device="meta"), nn.Identity()
    work = [multiply_adds(keeps), multiply_adds(model)]
    side, end = left.shape[-1], last.shape[-1]
    assert numbers(5) == [
        *map(str, (224, 32, 32, side, side, 32 * 32 // side**2, sees(stem))),
        *map(str, (end, end, sees([*stem, *inside]))),
        *("1", "4", "4", f"{work[0] / 1e9:.2f}", millions(work[1]), f"{work[0] / work[1]:.1f}"),
    ]


def test_the_numbers_of_the_options():
    model = of_torchvision("resnet50")
    blocks = [block for stage in (model.layer1, model.layer2, model.layer3, model.layer4) for block in stage]
    projections = [block.downsample for block in blocks if block.downsample is not None]
    wide = [block.conv3.out_channels for block in blocks if block.downsample is None]
    b = parameters(model)
    a, c = b - parameters(*projections), b + sum(channels**2 + 2 * channels for channels in wide)
    assert numbers(6) == [
        *(millions(a), str(len(projections)), millions(b), str(len(blocks)), millions(c), f"{100 * (c / b - 1):.1f}"),
        *(f"{wide[-1] ** 2 + 2 * wide[-1]:,}", f"{parameters(blocks[-1]):,}"),
        *("25.03", "24.52", "24.19"),
    ]


def test_the_numbers_of_a_trained_network_are_those_that_were_measured():
    assert numbers(7, Trained("layer2.0", False, ABLATION)) == ["1,234", "81.6", "32.3", "79.5"]
    said = STEPS[6].say(Facts(measured, Trained("layer2.0", False, ABLATION))).sentences
    assert "without layer2.0 32.3 %, without layer3.2 still 79.5 %" in " ".join(said)


@pytest.mark.parametrize(
    ("trained", "told"),
    [
        (None, "No run has a checkpoint yet"),
        (Trained("layer1.0", False, None), "Measure the accuracy without each block"),
        (Trained("layer1.0", True, None), "nothing gets through"),
    ],
)
def test_the_last_step_says_what_the_checkpoint_can_show(trained, told):
    assert told in step_html(7, Facts(measured, trained))


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
def test_a_step_leads_back_on_and_out(number):
    html = step_html(number, Facts(measured))
    assert f"Step {number} of {len(STEPS)}" in html
    leads_to = {go: to for to, go in re.findall(r'data-step="(\d*)" data-go="(\w+)">', html)}
    steps = ["", *map(str, range(1, len(STEPS) + 1))]
    expected = {"back": str(number - 1), "next": str(number + 1), "end": ""}
    assert leads_to == {go: to for go, to in expected.items() if to in steps}
    assert len(re.sub("<style>.*?</style>|<[^>]+>", "", html)) < 750  # one screen of a phone, beside what it speaks of


def test_the_way_in_leads_to_the_first_step():
    assert 'data-step="1"' in start_html() and f"{len(STEPS)} steps" in start_html()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.say.__name__)
def test_a_step_points_at_what_is_on_the_page(step, page_ids):
    """Its ids are components of the page, its classes are drawn in them."""
    markup = {"#blocks-row": row_html(row(off=("layer1.0",)))}
    if step.drawn:
        network = measured(step.drawn.network)
        markup["#arch-network"] = explorer.explorer_html(network, step.drawn.opened)
        markup["#arch-block"] = block_diagram.opened_html(network, step.drawn.opened)
    for selector in step.target.split(", "):
        component, *inside = selector.split()
        assert component.removeprefix("#") in page_ids
        for part in inside:
            name, value = re.match(r"\.([\w-]+)|\[([\w-]+=\w+)\]", part).groups()
            assert re.search(rf'class="[^"]*\b{name}\b' if name else value.replace("=", '="'), markup[component])


@pytest.fixture(scope="module")
def page_ids(tmp_path_factory) -> set[str]:
    import gradio as gr

    from resnet_demo.runs.store import RunStore
    from resnet_demo.ui.backend import Backend
    from resnet_demo.ui.tabs.architecture import build_architecture_tab

    folder = tmp_path_factory.mktemp("walk")
    with gr.Blocks() as page:
        build_architecture_tab(Backend.over(RunStore(folder), folder))
    return {block.elem_id for block in page.blocks.values() if block.elem_id}


def test_what_is_compared_has_the_shortcuts_that_the_tab_gives_it():
    for drawn in (step.drawn for step in walk.STEPS if step.drawn):
        assert drawn.beside == NetworkSpec(drawn.beside.arch, drawn.beside.stem)
        assert any(block.name == drawn.opened for block in blocks_of(measured(drawn.network)))
        assert prod(measured(drawn.network).in_shape) == 3 * 32 * 32


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1))
def test_a_rule_outlines_what_a_step_speaks_of(number):
    """Not a class of the drawn parts: whoever draws them anew would take it away."""
    html = step_html(number, Facts(measured))
    assert f"<style>:is({STEPS[number - 1].target}) {{ outline:" in html and f'data-shown="{number}"' in html

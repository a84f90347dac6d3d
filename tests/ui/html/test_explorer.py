"""The drawn network equals the module: every block once, every shortcut where the module has one and as what it is."""

import re
from functools import cache
from itertools import pairwise, product
from xml.etree import ElementTree

import pytest

from resnet_demo.models.blocks import ZeroPadding
from resnet_demo.models.catalog import ARCHITECTURES, NetworkSpec
from resnet_demo.models.describe import describe
from resnet_demo.models.resnet import build_on_meta
from resnet_demo.ui.html.diagram import layer_text, rounded_text, shape_text
from resnet_demo.ui.html.explorer import LINE, NARROW, WIDE, explorer_html, explorer_svg

EVERY_NETWORK = [
    NetworkSpec(arch, stem, shortcut=shortcut)
    for arch, kind in ARCHITECTURES.items()
    for stem, shortcut in product(kind.stems, kind.shortcuts)
]
MOST_BYTES = 100_000


def named(spec):
    return f"{spec.arch}-{spec.stem}-{spec.shortcut}"


@cache
def drawn(spec, size=32):
    return ElementTree.fromstring(explorer_svg(describe(spec, size), "layer1.1"))


def having(root, name):
    return [element for element in root.iter() if name in element.get("class", "").split()]


def blocks_of(svg):
    return [group for group in svg.iter("g") if group.get("data-block")]


def form_of(block):
    """What stands round the branch of a drawn block."""
    forms = [name for group in having(block, "arch-shortcut") for name in group.get("class").split()[1:]]
    assert len(forms) <= 1
    return forms[0].removeprefix("explorer-") if forms else "none"


def form_in(module):
    if module.is_plain:
        return "none"
    if module.downsample is None:
        return "identity"
    return "padding" if isinstance(module.downsample, ZeroPadding) else "projection"


@pytest.mark.parametrize("spec", EVERY_NETWORK, ids=named)
def test_the_drawn_graph_equals_the_module_graph(spec):
    svg, model, network = drawn(spec), build_on_meta(spec), describe(spec, 32)
    modules = [(name, module) for name, module in model.named_modules() if re.fullmatch(r"layer\d\.\d+", name)]
    blocks = blocks_of(svg)
    assert [block.get("data-block") for block in blocks] == [name for name, _ in modules]
    assert [form_of(block) for block in blocks] == [form_in(module) for _, module in modules]
    assert [len(having(block, "arch-sum")) for block in blocks] == [int(not module.is_plain) for _, module in modules]
    described = [block for stage in network.stages for block in stage.blocks]
    for block, (_, module), one in zip(blocks, modules, described, strict=True):
        convolutions = [getattr(module, f"conv{n}") for n in (1, 2, 3) if hasattr(module, f"conv{n}")]
        (branch,) = having(block, "arch-plain" if module.is_plain else "arch-residual")
        assert [text.text for text in branch.findall("text")] == [str(conv.kernel_size[0]) for conv in convolutions]
        parameters = sum(parameter.numel() for parameter in module.parameters())
        told = block.get("data-told")
        assert f"{shape_text(one.out_shape)} out" in told and f"{parameters:,} parameters" in told
        assert f"{rounded_text(one.multiply_adds)} multiply-adds" in told and one.kind in told
    shapes = [network.in_shape, network.stem[-1].out_shape, *(stage.out_shape for stage in network.stages)]
    shapes.append(network.head[-1].out_shape)
    assert [slab.find("text").text for slab in having(svg, "arch-slab")] == [shape_text(shape) for shape in shapes]


def test_the_shortcuts_differ_by_form_and_not_by_colour_alone():
    def boxes(spec, block):
        (group,) = having(blocks_of(drawn(spec))[block], "arch-shortcut")
        return [text.text for text in group.findall("text")], len(group.findall("rect"))

    assert boxes(NetworkSpec("resnet50"), 0) == (["1×1"], 1)
    assert boxes(NetworkSpec("resnet50"), 1) == ([], 0)
    assert boxes(NetworkSpec("resnet20"), 3) == (["0"], 1)
    assert not having(drawn(NetworkSpec("plain20")), "arch-shortcut")


def test_the_opened_block_alone_is_marked():
    blocks = blocks_of(drawn(NetworkSpec("resnet18")))
    marked = [block.get("data-block") for block in blocks if block.get("aria-current")]
    assert marked == ["layer1.1"]


@pytest.mark.parametrize("arch", ["resnet18", "resnet152", "plain110"])
@pytest.mark.parametrize("is_narrow", [False, True])
def test_the_parts_follow_each_other_in_lines_as_wide_as_the_page(arch, is_narrow):
    """On a wide page and, by the other place that each part carries, on a phone."""
    svg, width = drawn(NetworkSpec(arch)), NARROW if is_narrow else WIDE
    parts = [group for group in svg if group.tag == "g"]
    at = [re.findall(r"[\d.]+", part.get("data-other" if is_narrow else "transform")) for part in parts]
    places = [(float(x), float(y)) for x, y in at]
    for (x, y), (next_x, next_y) in pairwise(places):
        assert (next_y == y and next_x > x) or (next_y == y + LINE and next_x <= x)
    _, _, box_width, height = map(float, svg.get("data-other" if is_narrow else "viewBox").split())
    assert box_width == width and places[-1][1] < height
    for part, (x, _) in zip(parts, places, strict=True):
        if part.find("g").get("data-block"):
            frame = having(part, "explorer-frame")[0]
            assert x > 0 and x + float(frame.get("x")) + float(frame.get("width")) < width


def test_slabs_shrink_and_lengthen_with_the_shapes():
    slabs = having(drawn(NetworkSpec("resnet50"), 224), "arch-slab")
    fronts = [re.findall(r"-?[\d.]+", having(slab, "arch-front")[0].get("points")) for slab in slabs[1:-1]]
    heights = [float(points[1]) - float(points[3]) for points in fronts]
    lengths = [float(points[4]) - float(points[2]) for points in fronts]
    for (height, length), (lower, longer) in pairwise(zip(heights[1:], lengths[1:], strict=True)):
        assert lower == pytest.approx(height / 2**0.5, abs=0.2)
        assert longer == pytest.approx(length * 2**0.5, abs=0.2)


def test_stem_and_head_name_each_of_their_layers():
    network, svg = describe(NetworkSpec("resnet50"), 32), drawn(NetworkSpec("resnet50"))
    for name, layers in (("explorer-stem", network.stem), ("explorer-head", network.head)):
        assert [text.text for text in having(svg, name)[0].iter("text")] == [layer_text(layer) for layer in layers]


@pytest.mark.parametrize("arch", ["resnet152", "plain110"])
def test_the_largest_networks_are_small_to_send(arch):
    assert len(explorer_html(describe(NetworkSpec(arch), 32), "layer1.0").encode()) < MOST_BYTES

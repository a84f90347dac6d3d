"""The drawings say what the description says: on the right branch, in the right order, and nothing of their own."""

import re
from dataclasses import replace
from functools import cache
from itertools import pairwise, product
from xml.etree import ElementTree

import pytest

from resnet_demo.models.catalog import ARCHITECTURES, AUTO
from resnet_demo.models.describe import describe
from resnet_demo.models.resnet import NetworkSpec
from resnet_demo.ui.html.block_diagram import block_svg, formula_html, pair_html
from resnet_demo.ui.html.diagram import (
    count_text,
    layer_text,
    network_html,
    rounded_text,
    shape_text,
    summary_html,
    table_html,
)


@cache
def network(arch="resnet50", stem="imagenet", size=32, shortcut=AUTO):
    return describe(NetworkSpec(arch, stem, shortcut=shortcut), size)


def parse(markup):
    return ElementTree.fromstring(f"<root>{markup}</root>")


def having(root, name):
    """The elements of class `name`, in the document's order."""
    return [element for element in root.iter() if name in element.get("class", "").split()]


def texts(element):
    return [" ".join(part.split()) for part in element.itertext() if part.strip()]


def text(element):
    return " ".join(texts(element))


def with_layer(block, branch, index, **changes):
    layers = list(getattr(block, branch))
    layers[index] = replace(layers[index], **changes)
    return replace(block, **{branch: tuple(layers)})


def all_drawings(description):
    pairs = (pair_html(description, number) for number in range(1, len(description.stages) + 1))
    return [summary_html(description), network_html(description), table_html(description), *pairs]


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_drawing_is_well_formed(arch):
    architecture = ARCHITECTURES[arch]
    for stem, shortcut in [
        *product(architecture.stems, (AUTO,)),
        *product(architecture.stems[:1], architecture.shortcuts),
    ]:
        for markup in all_drawings(network(arch, stem, shortcut=shortcut)):
            parse(markup)


@pytest.mark.parametrize("arch", ["resnet34", "resnet50"])
def test_each_layer_stands_on_its_branch(arch):
    description = network(arch)
    for block in description.stages[1].blocks[:2]:
        drawing = parse(block_svg(description, block))
        for branch in ("residual", "shortcut", "after_sum"):
            (group,) = having(drawing, f"arch-{branch.replace('_', '-')}")
            drawn = having(group, "arch-layer")
            layers = getattr(block, branch)
            assert [layer.find("title").text for layer in drawn] == [layer.name for layer in layers]
            for box, layer in zip(drawn, layers, strict=True):
                words = text(box).replace("\N{NO-BREAK SPACE}", " ")
                assert layer.kind in words
                assert layer.kernel_size is None or f"{layer.kernel_size}×{layer.kernel_size}" in words
                assert layer.stride is None or f"stride {layer.stride}" in words
                assert (f"{count_text(layer.parameters)} parameters" in words) == (layer.parameters > 0)


def test_each_arrow_carries_the_shape_that_flows_along_it():
    description = network()
    conv = description.stages[1].blocks[0]
    drawing = parse(block_svg(description, conv))
    tensors = [text(tensor) for tensor in having(drawing, "arch-tensor")]
    assert tensors == ["x 256 × 8 × 8", "y 512 × 4 × 4"]
    (residual,), (shortcut,) = having(drawing, "arch-residual"), having(drawing, "arch-shortcut")
    assert [label.text for label in residual.findall("text")] == ["128 × 8 × 8", "128 × 4 × 4", "512 × 4 × 4"]
    assert [label.text for label in shortcut.findall("text")] == ["512 × 4 × 4"]


def test_both_branches_end_at_the_sum():
    description = network()
    for block in description.stages[2].blocks[:2]:
        drawing = parse(block_svg(description, block))
        (circle,) = [circle for node in having(drawing, "arch-sum") for circle in node.findall("circle")]
        x, y, r = (float(circle.get(name)) for name in ("cx", "cy", "r"))
        tips = [
            [tuple(map(float, polygon.get("points").split()[0].split(","))) for polygon in group.findall("polygon")]
            for name in ("arch-residual", "arch-shortcut")
            for group in having(drawing, name)
        ]
        assert (x, y - r) in tips[0]  # from above
        assert (x + r, y) in tips[1]  # from the side


def test_the_formula_names_the_projection_only_where_there_is_one():
    conv, identity = network().stages[0].blocks[:2]
    assert text(parse(formula_html(conv))) == "y = relu( F(x) residual + W s x shortcut )"
    assert text(parse(formula_html(identity))) == "y = relu( F(x) residual + x shortcut )"
    bare = replace(identity, after_sum=())
    assert text(parse(formula_html(bare))) == "y = F(x) residual + x shortcut"


@pytest.mark.parametrize("branch", ["residual", "shortcut", "after_sum"])
def test_another_description_is_another_drawing(branch):
    description = network()
    conv = description.stages[0].blocks[0]
    changed = with_layer(conv, branch, 0, kind="strange layer", kernel_size=9, stride=7, parameters=123_456_789)
    group = having(parse(block_svg(description, changed)), f"arch-{branch.replace('_', '-')}")[0]
    words = text(group).replace("\N{NO-BREAK SPACE}", " ")
    assert all(word in words for word in ("9×9 strange layer", "stride 7", "123,456,789 parameters"))


def test_a_layer_moved_to_the_other_branch_is_drawn_there():
    description = network()
    conv = description.stages[0].blocks[0]
    swapped = replace(conv, residual=conv.shortcut, shortcut=conv.residual)
    drawing = parse(block_svg(description, swapped))
    drawn = [box.find("title").text for box in having(having(drawing, "arch-shortcut")[0], "arch-layer")]
    assert drawn == [layer.name for layer in conv.residual]


def test_a_stage_without_a_conv_block_says_so():
    drawing = parse(pair_html(network("resnet34"), 1))
    (absent,) = having(drawing, "arch-absent")
    assert "Stage 1 of ResNet-34 has no Conv Block" in text(absent)
    assert "64 × 8 × 8" in text(absent)
    assert len(having(drawing, "arch-flow")) == 1
    assert not having(parse(pair_html(network("resnet50"), 1)), "arch-absent")


def test_a_plain_block_is_one_way_without_a_sum():
    description = network("plain34")
    block = description.stages[1].blocks[0]
    drawing = parse(block_svg(description, block))
    (way,) = having(drawing, "arch-plain")
    assert [box.find("title").text for box in having(way, "arch-layer")] == [layer.name for layer in block.layers]
    assert not any(having(drawing, f"arch-{name}") for name in ("sum", "shortcut", "residual", "after-sum"))
    assert text(parse(formula_html(block))) == "y = relu( H(x) its layers )"
    tiles = having(parse(network_html(description)), "arch-tile")
    assert not any(having(tile, "arch-arc") for tile in tiles)
    assert text(parse(network_html(description))).count("no shortcut: its layers make anew") == 1


def test_zero_padding_stands_on_the_shortcut_and_has_nothing_to_learn():
    description = network("resnet20")
    block = description.stages[1].blocks[0]
    (shortcut,) = having(parse(block_svg(description, block)), "arch-shortcut")
    (box,) = having(shortcut, "arch-layer")
    assert text(box).replace("\N{NO-BREAK SPACE}", " ") == "layer2.0.downsample zero padding stride 2"
    assert text(parse(formula_html(block))) == "y = relu( F(x) residual + pad(x) shortcut )"
    pair = text(parse(pair_html(description, 2)))
    assert "Zero-Pad Block" in pair and "Shortcut: zero padding, nothing to learn" in pair
    assert "has no Zero-Pad Block: what comes in already has the shape" in text(parse(pair_html(description, 1)))


def test_projections_that_keep_the_shape_are_shown_apart_from_those_that_change_it():
    """The article's network, whose second stage has all three."""
    heads = [text(head) for head in parse(pair_html(network("resnet50_article"), 2)).iter("h3")]
    assert heads == [
        "Conv Block layer2.0, the only one of stage 2 that changes the shape",
        "Identity Block layer2.1, first of 2 in stage 2",
        "Conv Block layer2.3, the only one of stage 2 that keeps the shape",
    ]
    everywhere = parse(pair_html(network("resnet34", shortcut="C"), 1))
    assert "has no Conv Block that changes the shape" in text(having(everywhere, "arch-absent")[0])


def test_the_network_is_drawn_block_by_block():
    description = network("resnet152", "cifar", 224)
    stages = having(parse(network_html(description)), "arch-stage")
    for part, stage in zip(stages, description.stages, strict=True):
        tiles = having(part, "arch-tile")
        assert [tile.find("title").text for tile in tiles] == [f"{b.name}: {b.kind}" for b in stage.blocks]
        assert ["arch-projects" in tile.get("class") for tile in tiles] == [bool(b.shortcut) for b in stage.blocks]
    assert [len(having(part, "arch-tile")) for part in stages] == [3, 8, 36, 3]
    assert [button.get("data-stage") for part in stages for button in part.iter("button")] == ["1", "2", "3", "4"]


def test_slabs_shrink_and_lengthen_with_the_shapes():
    description = network(size=224)
    slabs = having(parse(network_html(description)), "arch-slab")
    fronts = [re.findall(r"[\d.]+", having(slab, "arch-front")[0].get("points")) for slab in slabs[1:-1]]
    heights = [float(points[1]) - float(points[3]) for points in fronts]
    lengths = [float(points[4]) - float(points[2]) for points in fronts]
    for (height, length), (lower, longer) in pairwise(zip(heights[1:], lengths[1:], strict=True)):
        assert lower == pytest.approx(height / 2**0.5, abs=0.2)
        assert longer == pytest.approx(length * 2**0.5, abs=0.2)
    shapes = [description.stem[-1].out_shape, *(stage.out_shape for stage in description.stages)]
    assert [slab.get("aria-label") for slab in slabs[1:-1]] == [f"feature map of {shape_text(s)}" for s in shapes]


def test_the_network_names_every_layer_of_stem_and_head():
    description = network()
    drawing = parse(network_html(description))
    for name, layers in (("arch-stem", description.stem), ("arch-head", description.head)):
        items = [item.text for item in having(drawing, name)[0].iter("li") if item.text]
        assert items == [layer_text(layer) for layer in layers]


def test_the_table_adds_up():
    description = network()
    rows = [texts(row) for row in parse(table_html(description)).iter("tr")][1:]
    assert rows[2] == ["Stage 1", "Identity Block", "2", "256 × 8 × 8", "140,800", "8,912,896"]
    assert rows[-1] == ["Whole network", "16", "10", "23,528,522", "83,431,424"]
    for column in (-2, -1):
        numbers = [int(row[column].replace(",", "")) for row in rows]
        assert sum(numbers[:-1]) == numbers[-1]


@pytest.mark.parametrize(("arch", "layers"), [("resnet18", 18), ("resnet50", 50), ("resnet152", 152)])
def test_a_network_has_the_layers_it_is_named_after(arch, layers):
    assert texts(parse(summary_html(network(arch))))[1] == f"{layers} layers"


def test_names_are_escaped():
    description = replace(network(), label="<b>&amp;</b>\"'")
    first = replace(description.stages[0], name="<stage>")
    description = replace(description, stages=(first, *description.stages[1:]))
    for markup in all_drawings(description):
        assert "<stage>" not in markup and "<b>&amp;</b>" not in markup
        parse(markup)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (10, "10"),
        (20_480, "20,480"),
        (9_540_000, "9.54 million"),
        (23_528_522, "23.5 million"),
        (182_383_759_360, "182 billion"),
    ],
)
def test_large_numbers_are_said_with_three_digits(count, said):
    assert rounded_text(count) == said

"""The drawings say what the description says: on the right branch, in the right order, and nothing of their own."""

from dataclasses import replace
from functools import cache
from itertools import product
from xml.etree import ElementTree

import pytest

from resnet_demo.models.catalog import ARCHITECTURES, AUTO
from resnet_demo.models.describe import describe
from resnet_demo.models.resnet import NetworkSpec
from resnet_demo.ui.html.block_diagram import block_svg, formula_html, opened_html
from resnet_demo.ui.html.diagram import count_text, rounded_text, summary_html, table_html
from resnet_demo.ui.html.explorer import explorer_html


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
    opened = [opened_html(description, name) for name in first_and_last(description)]
    whole = explorer_html(description, "layer1.0")
    return [summary_html(description), whole, table_html(description), *opened]


def first_and_last(description):
    return [block.name for stage in description.stages for block in (stage.blocks[0], stage.blocks[-1])]


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
                assert layer.padding is None or f"padding {layer.padding}" in words
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


def formula(block):
    return text(next(parse(formula_html(block)).iter("p")))


def numbers(block):
    return text(having(parse(formula_html(block)), "arch-numbers")[0])


def test_the_formula_names_the_projection_only_where_there_is_one():
    conv, identity = network().stages[0].blocks[:2]
    assert formula(conv) == "y = relu( F(x) residual + W s x shortcut )"
    assert formula(identity) == "y = relu( F(x) residual + x shortcut )"
    bare = replace(identity, after_sum=())
    assert formula(bare) == "y = F(x) residual + x shortcut"


def test_the_formula_has_the_blocks_own_numbers():
    conv, identity = network().stages[1].blocks[:2]
    told = numbers(conv)
    assert "F(x) = bn(W 3 ∗ relu(bn(W 2 ∗ relu(bn(W 1 ∗ x)))))" in told and "W s x = bn(W s ∗ x)" in told
    for size in ("W 1 : 128 × 256 × 1 × 1", "W 2 : 128 × 128 × 3 × 3", "W 3 : 512 × 128 × 1 × 1"):
        assert size in told
    assert "W s : 512 × 256 × 1 × 1" in told and "x is 256 × 8 × 8, y is 512 × 4 × 4" in told
    assert "W s" not in numbers(identity) and "W 1 : 128 × 512 × 1 × 1" in numbers(identity)
    padded = numbers(network("resnet20").stages[1].blocks[0])
    assert "pad(x) = pad(x)" not in padded and "W 1 : 32 × 16 × 3 × 3" in padded
    assert "bn(W 1 ∗ x + b 1 )" in numbers(network("resnet50_article").stages[0].blocks[0])


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
    drawing = parse(opened_html(network("resnet34"), "layer1.1"))
    (absent,) = having(drawing, "arch-absent")
    assert "Stage 1 of ResNet-34 has no Conv Block" in text(absent)
    assert "64 × 8 × 8" in text(absent)
    assert len(having(drawing, "arch-flow")) == 1
    assert not having(parse(opened_html(network("resnet50"), "layer1.1")), "arch-absent")


def test_the_block_that_was_clicked_is_opened_and_the_other_kind_stands_after_it():
    for name, other in (("layer2.2", "layer2.0"), ("layer2.0", "layer2.1")):
        drawing = parse(opened_html(network(), name))
        (opened,) = having(drawing, "arch-opened")
        heads = [text(head) for head in drawing.iter("h3")]
        assert f"{name}, block {int(name[-1]) + 1} of 4 in stage 2" in text(opened.find("h3"))
        assert text(opened.find("h3")) == heads[0] and other in heads[1] and len(heads) == 2
        layers = [box.find("title").text for box in having(opened, "arch-layer")]
        assert layers and all(layer.startswith(f"{name}.") for layer in layers)


def test_a_plain_block_is_one_way_without_a_sum():
    description = network("plain34")
    block = description.stages[1].blocks[0]
    drawing = parse(block_svg(description, block))
    (way,) = having(drawing, "arch-plain")
    assert [box.find("title").text for box in having(way, "arch-layer")] == [layer.name for layer in block.layers]
    assert not any(having(drawing, f"arch-{name}") for name in ("sum", "shortcut", "residual", "after-sum"))
    assert formula(block) == "y = relu( H(x) its layers )"
    assert text(parse(explorer_html(description, ""))).count("no shortcut: its layers make anew") == 1


def test_zero_padding_stands_on_the_shortcut_and_has_nothing_to_learn():
    description = network("resnet20")
    block = description.stages[1].blocks[0]
    (shortcut,) = having(parse(block_svg(description, block)), "arch-shortcut")
    (box,) = having(shortcut, "arch-layer")
    assert text(box).replace("\N{NO-BREAK SPACE}", " ") == "layer2.0.downsample zero padding stride 2"
    assert formula(block) == "y = relu( F(x) residual + pad(x) shortcut )"
    opened = text(parse(opened_html(description, "layer2.0")))
    assert "Zero-Pad Block" in opened and "Shortcut: zero padding, nothing to learn" in opened
    beside = text(parse(opened_html(description, "layer1.0")))
    assert "has no Zero-Pad Block: what comes in already has the shape" in beside


def test_projections_that_keep_the_shape_are_shown_apart_from_those_that_change_it():
    """The article's network, whose second stage has all three."""
    heads = [text(head) for head in parse(opened_html(network("resnet50_article"), "layer2.3")).iter("h3")]
    assert heads == [
        "Conv Block layer2.3, block 4 of 4 in stage 2",
        "Conv Block layer2.0, block 1 of 4 in stage 2",
        "Identity Block layer2.1, block 2 of 4 in stage 2",
    ]
    everywhere = parse(opened_html(network("resnet34", shortcut="C"), "layer1.0"))
    assert "has no Conv Block that changes the shape" in text(having(everywhere, "arch-absent")[0])


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

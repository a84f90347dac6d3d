"""The row of blocks as HTML: what is pressed, what is measured, and what is said where there is nothing to say."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from resnet_demo.inference.blocks import BlockPass, OpenedBlock, Pass
from resnet_demo.models.describe import describe
from resnet_demo.models.resnet import NetworkSpec
from resnet_demo.runs.measured import BlockAblation
from resnet_demo.ui.html.block_row import BlockRow, maps_html, row_html
from tests.support.checkpoints import DIGITS


def row(arch: str = "resnet20", off: tuple[str, ...] = (), ablation: BlockAblation | None = None) -> BlockRow:
    network = describe(NetworkSpec(arch), 32)
    names = [block.name for stage in network.stages for block in stage.blocks]
    ratio = None if arch.startswith("plain") else 0.5
    blocks = tuple(BlockPass(name, ratio, name in off) for name in names)
    intact = (0.91, *[0.01] * 9)
    now = (0.01, 0.91, *[0.01] * 8) if off else intact
    passed = Pass(blocks, now, intact, None)
    return BlockRow(
        network, DIGITS, passed, [None if ratio is None else 1.0] * len(names), ablation, Image.new("RGB", (32, 32))
    )


def test_every_block_has_a_button_in_its_stage():
    html = row_html(row("resnet50"))
    assert html.count("data-block=") == 16 and html.count('blocks-stage"') == 4
    assert html.count('aria-pressed="true"') == 0
    assert "all 16 blocks are on" in html and "<strong>0</strong> 91.0 %" in html


def test_a_block_that_is_off_is_pressed_and_the_answer_is_told_beside_the_whole_networks():
    html = row_html(row(off=("layer2.1",)))
    assert html.count('aria-pressed="true"') == 1
    assert "<strong>1</strong> 91.0 %" in html and "without layer2.1; with all of them 0 91.0 %" in html
    assert "without 2 of 9 blocks" in row_html(row(off=("layer2.1", "layer1.0")))


def test_the_bars_are_to_one_scale_with_the_untrained_network():
    html = row_html(row())
    assert html.count('class="blocks-fill" style="height:50.0%"') == 9
    assert html.count('class="blocks-line" style="bottom:100.0%"') == 9


def test_a_plain_network_has_no_bars_and_says_why():
    html = row_html(row("plain20"))
    assert "blocks-fill" not in html and "blocks-line" not in html
    assert "has no shortcut" in html


def test_what_the_accuracy_loses_hangs_below_a_block():
    found = BlockAblation("", "digits", 297, 0.8, {"layer1.0": 0.2, "layer1.1": 0.8, "layer1.2": 0.9, "layer2.0": 0.5})
    html = row_html(row(ablation=found))
    assert '<span style="height:100.0%"></span></span><small>−60.0</small>' in html
    assert '<span style="height:50.0%"></span></span><small>−30.0</small>' in html
    assert "<small>0.0</small>" in html and "<small>+10.0</small>" in html
    assert "80.0 % of 297 test images" in html
    assert "test images" not in row_html(row())


def test_a_class_name_is_text():
    html = row_html(replace(row(), info=replace(DIGITS, classes=("<b>", *DIGITS.classes[1:]))))
    assert "&lt;b&gt;" in html and "<b><" not in html


@pytest.mark.parametrize("channels", [3, 8])
@pytest.mark.parametrize("is_plain", [False, True])
def test_the_maps_of_an_opened_block(channels, is_plain):
    """What goes round, what is added and what leaves; of a plain block nothing goes round."""
    maps = torch.randn(channels, 4, 4)
    opened = OpenedBlock("layer1.0", tuple(range(channels)), maps, None if is_plain else maps, torch.zeros_like(maps))
    html = maps_html(opened)
    assert html.count("<img") == (2 if is_plain else 3) * channels and html.count("<span>channel") == channels
    assert ("shortcut" in html) != is_plain and ("after the sum" in html) != is_plain
    assert maps_html(None) == ""

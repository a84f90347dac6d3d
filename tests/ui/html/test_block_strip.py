"""The strips of blocks: a row for each, as far as the run has come, and words where nothing was measured."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from resnet_demo.models.blocks import ResidualBlock
from resnet_demo.models.catalog import ARCHITECTURES
from resnet_demo.models.resnet import NetworkSpec, build_on_meta
from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.fold import RunView
from resnet_demo.ui.html.block_strip import COLUMNS, EMPTY, NEVER, block_names, strip_html


class Shown:
    """As much of a Snapshot as is drawn."""

    def __init__(self, arch: str, points: int, plain: bool = False, ended: bool = False) -> None:
        self.config = preset_config("tour", arch=arch)
        blocks = sum(ARCHITECTURES[arch].depths)
        place = {"time": 1.0, "epoch": 1, "images_seen": 0, "elapsed_s": 1.0}
        started = events.RunStarted(
            **place, step=0, epochs=2, steps_per_epoch=100, train_images=1, validation_images=0, test_images=1,
            classes=("a", "b"), device="cpu",
        )  # fmt: skip
        measured = tuple(
            events.BlocksMeasured(
                **place,
                step=50 * number,
                ratios=tuple(None if plain else 0.1 * number for _ in range(blocks)),
                response_stds=(0.5,) * blocks,
                gradient_norms=tuple(10.0**at for at in range(blocks)),
            )
            for number in range(1, points + 1)
        )
        last = events.RunEnded(**place, step=200, outcome="finished") if ended else None
        self.view = RunView(started, blocks=measured, ended=last)


def strips(html: str) -> list[np.ndarray]:
    """The opacity of each row, 0..255."""
    found = re.findall(r"base64,([^\"]+)", html)
    return [np.array(Image.open(io.BytesIO(base64.b64decode(one))))[0, :, 3] for one in found]


@pytest.mark.parametrize("arch", ["resnet20", "resnet50", "plain34"])
def test_the_rows_are_named_as_the_modules_are(arch):
    model = build_on_meta(NetworkSpec(arch))
    assert block_names(ARCHITECTURES[arch]) == [n for n, m in model.named_modules() if isinstance(m, ResidualBlock)]


def test_the_strips_fill_from_left_to_right():
    html = strip_html(Shown("resnet20", points=2))
    rows = strips(html)
    assert len(rows) == 27 and html.count("<figure") == 3
    filled = COLUMNS * 100 // 200 + 1
    assert all((row[:filled] > 0).all() and (row[filled:] == 0).all() for row in rows)
    assert (rows[0][COLUMNS // 4 + 1 : filled] > rows[0][0]).all()  # the ratio has doubled
    assert "layer1.0: 0.1 at first, 0.2 now" in html


def test_gradients_are_told_apart_over_orders_of_magnitude():
    rows = strips(strip_html(Shown("resnet20", points=1)))[18:]
    opacities = [int(row[0]) for row in rows]
    assert opacities == sorted(set(opacities)) and len(opacities) == 9


def test_a_plain_network_has_no_ratio():
    html = strip_html(Shown("plain20", points=2, plain=True))
    assert html.count("<figure") == 2 and "shortcut(x)" not in html


def test_where_nothing_was_measured_it_says_so():
    assert EMPTY in strip_html(None)
    assert EMPTY in strip_html(Shown("resnet20", points=0))
    assert NEVER in strip_html(Shown("resnet20", points=0, ended=True))


def test_points_of_another_network_are_passed_over():
    shown = Shown("resnet20", points=1)
    foreign = replace(shown.view.blocks[0], ratios=(1.0,))
    shown.view = replace(shown.view, blocks=(foreign,))
    assert EMPTY in strip_html(shown)
    broken = replace(Shown("resnet20", points=1).view.blocks[0], gradient_norms=(None,) * 9)
    shown.view = replace(shown.view, blocks=(broken,))
    assert "no numbers" in strip_html(shown)

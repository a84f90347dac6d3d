"""How wide a valley is told, by the distance at which the loss has risen."""

from dataclasses import replace

import pytest

from resnet_demo.runs.measured import LossLandscape
from resnet_demo.ui.html.loss_landscape import landscape_html, width

FOUND = LossLandscape("abc", "digits", 300, [-1.0, -0.5, 0.0, 0.5, 1.0], [[4.0, 2.0, 0.2, 2.2, 4.0]])


def test_the_width_is_where_the_loss_has_risen_by_one():
    left, right = 0.5 * 1 / 1.8, 0.5 * 1 / 2.0  # on the straight lines from 0.2 to 2.0 and to 2.2
    assert width(FOUND) == pytest.approx((left + right) / 2)
    twice = replace(FOUND, losses=[*FOUND.losses, [9.0, 1.2, 0.2, 1.2, 9.0]])
    assert width(twice) == pytest.approx((left + right + 0.5 + 0.5) / 4)
    assert width(replace(FOUND, losses=[[0.5, 0.3, 0.2, 2.2, 4.0]])) is None


def test_what_is_measured_is_drawn_and_what_is_not_is_said():
    html = landscape_html([("resnet20", "mine", FOUND), ("plain20", "<other>", None)])
    assert html.count("curve train run-0") == 1 and "run-1" not in html
    assert "at a distance of 0.26" in html and "not measured yet" in html and "&lt;other&gt;" in html
    assert "<svg" in landscape_html([])

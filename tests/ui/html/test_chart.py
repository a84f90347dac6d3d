"""The drawing: points stand where the axes say, smoothing is TensorBoard's, thinning loses no end."""

import itertools
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from resnet_demo.ui.html.axis import Axis
from resnet_demo.ui.html.chart import (
    BOTTOM,
    HEIGHT,
    LEFT,
    MARK_HEIGHT,
    RIGHT,
    TOP,
    WIDTH,
    Series,
    line_chart,
    smooth,
    thin,
)

EPOCHS, LOSS = Axis("epoch", 0, 2), Axis("loss", 0, 2.5)


def drawn(*series, x=EPOCHS, y=LOSS, **options):
    return ElementTree.fromstring(line_chart("Loss", x, y, series, **options))


def line(svg, kind):
    """Its points, in units of the data."""
    pairs = svg.find(f".//polyline[@class='curve {kind}']").get("points").split()
    return [(float(x), -float(y)) for x, y in (pair.split(",") for pair in pairs)]


def test_a_plots_units_are_those_of_the_data():
    """The inner SVG lies where the axes are, and its view box is what they span; y is negated."""
    svg = drawn(Series("train", "train", [(0, 0), (2, 2.5)]), Series("test", "test", [(1, 1.25)], dotted=True))
    plot = svg.find(".//svg[@class='plot']")
    assert [float(plot.get(name)) for name in ("x", "y", "width", "height")] == [
        LEFT, TOP, WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM,
    ]  # fmt: skip
    assert plot.get("viewBox") == "0 -2.5 2 2.5" and plot.get("preserveAspectRatio") == "none"
    assert line(svg, "train") == [(0, 0), (2, 2.5)]
    assert svg.find(".//path[@class='point test']").get("d") == "M1,-1.25h0"


def test_a_point_says_four_digits_of_its_value_and_keeps_its_place():
    points = [(step / 3, 1 / step) for step in range(1, 7)]
    svg = drawn(Series("train", "train", points))
    assert line(svg, "train") == [(pytest.approx(x, abs=1e-4), float(f"{y:.4g}")) for x, y in points]


def test_steps_are_exact_however_many(steps=234_567):
    svg = drawn(
        Series("train", "train", [(1, 1.0), (steps, 12_345.6)]), x=Axis("step", 0, 3e5), y=Axis("speed", 0, 2e4)
    )
    assert line(svg, "train") == [(1, 1.0), (steps, 12_350)]


@pytest.mark.parametrize(("axis", "units"), [
    (Axis.share("accuracy"), "1 0.01 %"), (Axis("loss", 0, 2.5), "1 1"),
])  # fmt: skip
def test_a_plot_says_in_which_units_it_is_to_be_read(axis, units):
    assert drawn(y=axis).find(".//svg[@class='plot']").get("data-units") == units


def test_nothing_is_drawn_outside_the_plot():
    inside, outside = [(1, 2.5), (2, 0.0)], [(1, 99.0), (2, -1.0)]
    said = [drawn(Series("train", "train", points)).find(".//svg[@class='plot']") for points in (inside, outside)]
    assert [plot.get("overflow") for plot in said] == ["visible", "hidden"]


def test_means_are_called_means():
    series = Series("train", "train", [(float(i), 1.0) for i in range(901)])
    line = drawn(series, x=Axis("step", 0, 900)).find(".//polyline")
    assert line.get("data-mean") == "4" and line.get("data-name") == "train"
    assert drawn(replace(series, points=series.points[:300])).find(".//polyline").get("data-mean") is None


def test_thinning_keeps_means_and_the_last_point():
    points = [(float(i), float(i % 2)) for i in range(1001)]
    few = thin(points, 100)
    assert len(few) <= 101 and few[-1] == points[-1]
    assert all(0.3 < y < 0.7 for _, y in few[:-1])
    assert thin(points[:50], 100) == points[:50]


def test_smoothing_is_the_average_with_bias_correction():
    """By hand for a weight of 0.5: 4; (4 + 2 * 0) / 3; (4 + 2 * 0 + 4 * 8) / 7. A constant stays what it is."""
    smoothed = smooth([(1, 4.0), (2, 0.0), (3, 8.0)], 0.5)
    assert smoothed == [(1, 4.0), (2, pytest.approx(4 / 3)), (3, pytest.approx(36 / 7))]
    assert smooth([(x, 3.0) for x in range(50)], 0.9) == [(x, pytest.approx(3.0)) for x in range(50)]
    assert smooth([(1, 4.0), (2, 0.0)], 0.0) == [(1, 4.0), (2, 0.0)]


def test_a_noisy_series_is_smoothed_before_what_was_measured_and_others_are_left_alone():
    noisy = Series("train", "train", [(0, 1.0), (1, 2.0)], noisy=True)
    exact = Series("test", "test", [(0, 1.0), (1, 2.0)])
    plain, smoothed = drawn(noisy, exact), drawn(noisy, exact, smoothing=0.8)
    assert line(smoothed, "train raw") == line(plain, "train")
    assert line(smoothed, "train") != line(plain, "train") and line(smoothed, "test") == line(plain, "test")
    assert plain.find(".//polyline[@class='curve train raw']") is None
    curves = [curve.get("class") for curve in smoothed.findall(".//polyline")]
    assert [curve.get("data-name") for curve in smoothed.findall(".//polyline")] == ["train", "train, smoothed", "test"]
    assert curves.index("curve train raw") < curves.index("curve train")  # drawn first, so that it lies behind


def test_a_name_is_escaped_and_a_nameless_series_has_no_legend():
    html = line_chart("Loss", EPOCHS, LOSS, [Series("<b>", "train", [(1, 1.0)]), Series("", "test", [(1, 1.0)])])
    assert "&lt;b&gt;" in html and html.count("<i></i>") == 1


def test_who_cannot_see_it_hears_the_names_and_no_nameless_background():
    told = [drawn(*series).find(".//{*}svg").get("aria-label") for series in (
        [Series("cat", "class-1", [(1, 2.0)]), Series("", "faint", [(1, 1.0)])], [Series("", "train", [(1, 0.5)])],
    )]  # fmt: skip
    assert told == ["Loss: cat last at 2", "Loss: last at 0.5"]


@pytest.mark.parametrize("epochs", [1, 2, 6, 8, 60, 100, 1000])
def test_ticks_are_round_and_few(epochs):
    ticks = Axis("epoch", 0, epochs).ticks(8)
    assert 2 <= len(ticks) <= 9 and ticks[0] == 0 and ticks[-1] <= epochs
    assert all(re.fullmatch(r"\d+(\.\d)?", f"{tick:.4g}") for tick in ticks)


@pytest.mark.parametrize("highest", [1e-7, 2e-3, 0.1, 0.7, 2.303, 17.0, 31_234.0, 1e6])
def test_an_axis_ends_at_a_tick_over_its_highest_point(highest):
    axis = Axis.up_to("loss", highest)
    assert highest <= axis.high * (1 + 1e-9) and axis.high <= 1.5 * highest
    ticks = axis.ticks(6)
    assert 3 <= len(ticks) <= 7 and ticks[-1] == pytest.approx(axis.high)


def test_an_axis_without_points_is_still_an_axis():
    assert Axis.up_to("loss", 0.0).high > 0 and len(Axis.time(0.0).ticks(8)) > 1


@pytest.mark.parametrize(
    ("values", "low", "high", "ticks"),
    [
        ([0.03, 2.3], 0.02, 5, [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]),
        ([1e-6, 2.0], 1e-6, 2, [1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1]),
        ([1.0], 1, 2, [1, 2]),
        ([0.7, 0.9], 0.5, 1, [0.5, 1]),
        ([], 0.1, 10, [0.1, 0.2, 0.5, 1, 2, 5, 10]),
    ],
)
def test_a_logarithmic_axis_ends_at_round_numbers_around_its_values(values, low, high, ticks):
    axis = Axis.logarithmic("loss", values)
    assert (axis.low, axis.high) == (pytest.approx(low), pytest.approx(high))
    assert axis.ticks(6) == pytest.approx(ticks)


def test_on_a_logarithmic_axis_a_tenth_is_as_far_everywhere_and_nothing_has_no_place():
    svg = drawn(
        Series("train", "train", [(0, 1.0), (1, 0.1), (1.5, 0.0), (2, 0.01)]), y=Axis.logarithmic("", [1, 0.01])
    )
    plot = svg.find(".//svg[@class='plot']")
    assert plot.get("viewBox").split() == ["0", "-0", "2", "2"] and plot.get("data-log") is not None
    assert line(svg, "train") == [(0, 0), (1, -1), (2, -2)]
    heights = [float(tick.get("y1")) for tick in svg.findall(".//line[@class='grid']")]
    assert heights[0] - heights[3] == pytest.approx(heights[3] - heights[6], abs=0.2)


def test_a_part_of_an_axis_is_within_it_and_never_nothing():
    whole = Axis("epoch", 0, 8)
    for ends, part in (((2, 3), (2, 3)), ((5, 99), (0, 8)), ((7.9, 9), (6.9, 8)), ((3, 3.00001), (3, 3.016))):
        axis = whole.zoomed(*ends)
        assert (axis.low, axis.high) == (pytest.approx(part[0]), pytest.approx(part[1]))


@pytest.mark.parametrize("values", [[0.31, 0.42], [0.5], [0.0], [86.1, 86.1], [1e-7, 3e-7]])
def test_an_axis_around_values_ends_at_ticks(values):
    axis = Axis("loss", 0, 100).around(values)
    assert axis.low <= min(values) * (1 + 1e-9) and max(values) <= axis.high * (1 + 1e-9) and axis.low < axis.high
    assert len(axis.ticks(6)) >= 2 and Axis("loss", 0, 100).around([]) == Axis("loss", 0, 100)


def test_of_a_part_what_lies_in_it_is_drawn_and_the_lines_that_lead_there():
    series = Series("train", "train", [(float(i), i / 10) for i in range(1000)], mark="A")
    svg = drawn(series, x=Axis("step", 0, 999).zoomed(100, 200), y=Axis("loss", 0, 100))
    points = line(svg, "train")
    assert points == [(float(i), pytest.approx(i / 10)) for i in range(99, 202)]  # no means, unlike the whole
    assert svg.find(".//svg[@class='plot']").get("overflow") == "hidden"
    assert float(svg.find(".//text[@class='mark train']").get("x")) == pytest.approx(WIDTH - RIGHT + 7)


@pytest.mark.parametrize(
    ("axis", "value", "written"),
    [
        (Axis.share("accuracy"), 0.4, "40 %"),
        (Axis.time(90), 30, "30"),
        (Axis.time(3000), 600, "10"),
        (Axis.time(40_000), 9000, "2.5"),
        (Axis("step", 0, 3e4), 12_000, "12,000"),
        (LOSS, 1.5e-5, "1.5e-5"),
    ],
)
def test_numbers_are_written_in_the_axis_unit(axis, value, written):
    assert axis.write(value) == written


def test_labels_stand_at_their_highest_points_in_the_image_and_not_on_each_other():
    names = ["airplane", "automobile", "bird", "cat", "deer"]
    flat = [Series(name, name, [(0, 1.0), (1, 2.5 - i / 100)], labelled=True) for i, name in enumerate(names)]
    lone = Series("a long name", "lone", [(0, 0.5), (2, 1.0)], labelled=True)
    svg = drawn(*flat, lone)
    labels = {text.text: text for text in svg.findall(".//text") if (text.get("class") or "").startswith("name ")}
    assert set(labels) == {*names, "a long name"} and svg.findall(".//i") == []  # none in the legend
    ups = sorted(float(labels[name].get("y")) for name in names)
    assert all(b - a >= 14.9 for a, b in itertools.pairwise(ups)) and ups[0] >= TOP and ups[-1] < HEIGHT / 2
    half = 7.5 * len("a long name") / 2
    assert float(labels["a long name"].get("x")) == pytest.approx(WIDTH - RIGHT - half, abs=0.1)
    assert float(labels["cat"].get("x")) == pytest.approx((LEFT + WIDTH - RIGHT) / 2, abs=0.1)


def test_letters_at_the_ends_of_curves_do_not_stand_on_each_other():
    ends = [Series(mark, "train", [(0, 2.0), (10, 1.0)], mark=mark) for mark in "AB"]
    heights = [float(text.get("y")) for text in drawn(*ends).findall(".//text[@class='mark train']")]
    assert heights[1] - heights[0] == pytest.approx(MARK_HEIGHT)


def test_a_chart_of_many_runs_needs_no_legend_of_its_own():
    assert drawn(Series("A train", "train", []), legend=False).find(".//*[@data-series]") is None

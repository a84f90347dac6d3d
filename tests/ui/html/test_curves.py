"""A run's curves: what is drawn of it, along which axis, and the learning rate that is planned."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.fold import fold
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.html.curves import REMEMBERED, X_AXES, Along, ChartChoice, DrawnCurves, run_charts, schedule_chart

PLACE = {"time": 1.0, "images_seen": 0}
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def snapshot(tmp_path, classes=CIFAR10, points=3000, norm=1.5):
    log = [
        events.RunStarted(
            **PLACE, elapsed_s=0.0, epoch=1, step=0, epochs=8, steps_per_epoch=375, train_images=48_000,
            validation_images=2000, test_images=10_000, classes=classes, device="CPU",
        )
    ]  # fmt: skip
    log += [
        events.MetricsLogged(
            **PLACE, elapsed_s=step / 10, epoch=1, step=step, train_loss=abs(2.3 - step / 3000) + step % 2 / 10,
            train_accuracy=step / points, learning_rate=0.1, images_per_s=100.0, gradient_norm=norm,
        )
        for step in range(1, points + 1)
    ]  # fmt: skip
    log += [
        events.EpochEnded(
            **PLACE, elapsed_s=37.5 * epoch, epoch=epoch, step=375 * epoch, test_loss=1.0, test_accuracy=epoch / 10
        )
        for epoch in range(1, points // 375 + 1)
    ]
    run = RunStore(tmp_path).create(preset_config("fast", epochs=8))
    return Snapshot(run, run.config(), fold(log), False, None, "run")


def svg_of(html):
    return ElementTree.fromstring(html)


def line(html, kind):
    pairs = svg_of(html).find(f".//polyline[@class='curve {kind}']").get("points").split()
    return [(float(x), -float(y)) for x, y in (pair.split(",") for pair in pairs)]


def highest_x(html):
    return float(svg_of(html).find(".//svg[@class='plot']").get("viewBox").split()[2])


def test_a_run_is_drawn_where_it_was_measured(tmp_path):
    accuracy = run_charts(snapshot(tmp_path))[1]
    dots = svg_of(accuracy).find(".//path[@class='point test']").get("d").split("M")[1:]
    assert len(dots) == 8 and dots[3] == "4,-.4h0" and line(accuracy, "test")[3] == (4, 0.4)


def test_the_error_is_what_accuracy_lacks(tmp_path):
    seen = snapshot(tmp_path)
    accuracy, error = (run_charts(seen, ChartChoice(error=wanted))[1] for wanted in (False, True))
    for kind in ("train", "test"):
        right, wrong = dict(line(accuracy, kind)), dict(line(error, kind))
        assert right.keys() == wrong.keys() and all(abs(right[x] + wrong[x] - 1) < 1e-3 for x in right)
    assert "21.59 %" in error and "78.41 %" not in error


@pytest.mark.parametrize("by", X_AXES)
def test_the_axis_spans_the_whole_planned_run(tmp_path, by):
    """Half of 3,000 steps are done: the curves end in the middle of the image."""
    charts = run_charts(snapshot(tmp_path, points=1500), ChartChoice(by=by))
    assert all(line(html, "train")[-1][0] == pytest.approx(highest_x(html) / 2, rel=5e-3) for html in charts)
    label = svg_of(charts[0]).find(".//text[@class='label']").text
    assert label == {"time": "time (min)"}.get(by, by)


def test_pauses_are_no_part_of_the_time(tmp_path):
    """`time` is the wall clock and jumps by a pause; `elapsed_s` is what is drawn."""
    html = run_charts(snapshot(tmp_path), ChartChoice(by="time"))[0]
    steps = [b - a for (a, _), (b, _) in zip(line(html, "train"), line(html, "train")[1:], strict=False)]
    assert max(steps[:-1]) < 3  # seconds


def test_the_planned_schedule_lies_behind_the_part_that_is_gone(tmp_path):
    rates = run_charts(snapshot(tmp_path, points=1500))[2]
    whole = line(rates, "planned")
    assert whole[-1][0] == highest_x(rates) == 8 and whole[0][0] < 0.05
    assert max(y for _, y in whole) > 2 * whole[0][1] and whole[-1][1] < whole[0][1]  # rises, and falls to zero
    assert rates.index("curve planned") < rates.index("curve train")


def test_along_the_time_the_part_that_is_gone_lies_on_the_plan(tmp_path):
    """Whatever the speed was: here the second half of the steps took four times as long."""
    seen = snapshot(tmp_path, points=1500)
    slower = [replace(m, elapsed_s=m.elapsed_s + 0.3 * max(0, m.step - 750)) for m in seen.view.metrics]
    view = replace(seen.view, metrics=tuple(slower), epochs=())
    along = Along.run(view, 8, "time")
    assert [along.at(m.step) for m in slower] == [along.of(m) for m in slower]
    assert along.at(3000) == 2 * slower[-1].elapsed_s


def test_before_start_the_form_alone_draws_the_schedule():
    drawn = schedule_chart(preset_config("fast", epochs=8), 375)
    highest = max(line(drawn, "planned"), key=lambda point: point[1])
    assert highest[0] == pytest.approx(0.2 * 8, abs=0.05)  # the peak stands where the warm-up ends
    flat = line(schedule_chart(preset_config("article"), 375), "planned")
    assert len({y for _, y in flat}) == 1
    assert "once the images are counted" in schedule_chart(preset_config("fast"), None)


def test_a_log_without_gradient_norms_says_so(tmp_path):
    assert "not in the log of this run" in run_charts(snapshot(tmp_path, norm=None))[4]
    assert "curve train" in run_charts(snapshot(tmp_path))[4]


def test_a_long_run_is_thinned_and_small(tmp_path):
    for html in run_charts(snapshot(tmp_path, points=30_000), ChartChoice(smoothing=0.9)):
        assert 200 <= len(line(html, "train")) <= 301
        assert len(html) < 20_000


def test_the_articles_line_stands_for_cifar10_and_for_nothing_else(tmp_path):
    assert "78.41 %" in run_charts(snapshot(tmp_path))[1]
    assert "78.41 %" not in run_charts(snapshot(tmp_path, classes=("a", "b")))[1]
    assert "78.41 %" not in run_charts(snapshot(tmp_path))[0]


def test_empty_axes_say_what_will_come():
    for html in run_charts(None):
        assert "drawn from the first steps on" in html and svg_of(html) is not None


@pytest.mark.parametrize("smoothing", [-0.1, 0.95, 1.0, float("nan"), "0.5", None, True])
def test_a_choice_is_checked(smoothing):
    with pytest.raises(ValueError, match="Smoothing goes from"):
        ChartChoice(smoothing=smoothing)
    with pytest.raises(ValueError, match="the axis is one of"):
        ChartChoice(by="moon")


@pytest.mark.parametrize("zoom", [(3, 3), (4, 3), (-1, 3), (float("nan"), 3), (0, float("nan")), (0, float("inf"))])
def test_a_range_is_checked(zoom):
    with pytest.raises(ValueError, match="two numbers"):
        ChartChoice(zoom=zoom)
    with pytest.raises(ValueError, match="true or false"):
        ChartChoice(log=1)
    with pytest.raises(ValueError, match="the error or the accuracy"):
        ChartChoice(error=1)


@pytest.mark.parametrize("by", X_AXES)
def test_a_range_is_drawn_as_large_as_the_whole(tmp_path, by):
    """An eighth of the run: as many points as there are, and axes that fit them."""
    seen = snapshot(tmp_path)
    whole = run_charts(seen, ChartChoice(by=by))
    ends = tuple(highest_x(whole[0]) * share for share in (0.5, 0.625))
    for html in run_charts(seen, ChartChoice(by=by, zoom=ends)):
        left, _, width, height = map(float, svg_of(html).find(".//svg[@class='plot']").get("viewBox").split())
        assert (left, left + width) == (pytest.approx(ends[0]), pytest.approx(ends[1])) and height > 0
    loss, accuracy = run_charts(seen, ChartChoice(by=by, zoom=ends))[:2]
    assert 180 < len(line(loss, "train")) < 200 and "78.41 %" not in accuracy  # 375 steps; the line is out of sight


def test_the_loss_alone_has_a_logarithmic_scale(tmp_path):
    charts = run_charts(snapshot(tmp_path), ChartChoice(log=True))
    assert ["data-log" in html for html in charts] == [True, False, False, False, False]


def test_drawings_are_shared_and_the_oldest_are_forgotten(tmp_path):
    seen, curves = snapshot(tmp_path, points=20), DrawnCurves(run_charts)
    first = curves.of("v1", seen, ChartChoice())
    assert curves.of("v1", seen, ChartChoice()) is first
    assert curves.of("v1", seen, ChartChoice(by="step")) != first != curves.of("v2", seen, ChartChoice(0.5))
    for number in range(REMEMBERED):
        curves.of(f"w{number}", seen, ChartChoice())
    again = curves.of("v1", seen, ChartChoice())
    assert again is not first and again == first

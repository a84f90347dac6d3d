"""The curves are drawn from the log, fit their axes, and are thinned without losing their end."""

import re
from xml.etree import ElementTree

import pytest

from resnet_demo.training import events
from resnet_demo.training.config import preset_config
from resnet_demo.training.runs import RunStore
from resnet_demo.ui.chart import HEIGHT, LEFT, WIDTH, Axis, Series, chart, run_charts, thin
from resnet_demo.ui.watch import Snapshot

PLACE = {"time": 1.0, "images_seen": 0, "elapsed_s": 0.0}
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def snapshot(tmp_path, classes=CIFAR10, points=3000):
    log = [
        events.RunStarted(
            **PLACE, epoch=1, step=0, epochs=8, steps_per_epoch=375, train_images=48_000, validation_images=2000,
            test_images=10_000, classes=classes, device="CPU",
        )
    ]  # fmt: skip
    log += [
        events.MetricsLogged(
            **PLACE, epoch=1, step=step, train_loss=2.3 - step / 3000, train_accuracy=step / 3000, learning_rate=0.1,
            images_per_s=100.0,
        )
        for step in range(1, points + 1)
    ]  # fmt: skip
    log += [
        events.EpochEnded(**PLACE, epoch=epoch, step=375 * epoch, test_loss=1.0, test_accuracy=epoch / 10)
        for epoch in range(1, points // 375 + 1)
    ]
    run = RunStore(tmp_path).create(preset_config("fast"))
    return Snapshot(run, run.config(), events.fold(log), False, None, "run")


def circles(svg, kind):
    return svg.findall(f".//circle[@class='point {kind}']")


def test_points_stand_where_the_axes_say(tmp_path):
    _, accuracy = run_charts(snapshot(tmp_path))
    svg = ElementTree.fromstring(accuracy)
    at_epoch_4 = circles(svg, "test")[3]
    assert float(at_epoch_4.get("cx")) == pytest.approx((LEFT + WIDTH - 12) / 2, abs=0.1)
    assert at_epoch_4.find("title").text == "test: 40 % at epoch 4"
    assert len(circles(svg, "test")) == 8


def test_a_long_run_is_thinned_and_small(tmp_path):
    loss, accuracy = run_charts(snapshot(tmp_path, points=30_000))
    for html in (loss, accuracy):
        line = ElementTree.fromstring(html).find(".//polyline[@class='curve train']")
        assert 200 <= len(line.get("points").split()) <= 401
        assert len(html) < 20_000


def test_thinning_keeps_means_and_the_last_point():
    points = [(float(i), float(i % 2)) for i in range(1001)]
    few = thin(points, 100)
    assert len(few) <= 101 and few[-1] == points[-1]
    assert all(0.3 < y < 0.7 for _, y in few[:-1])
    assert thin(points[:50], 100) == points[:50]


def test_nothing_is_drawn_outside_the_picture():
    svg = ElementTree.fromstring(
        chart("Loss", Axis("epoch", 0, 2), Axis("loss", 0, 2.5), [Series("train", "train", [(1, 99.0), (2, -1.0)])])
    )
    for pair in svg.find(".//polyline[@class='curve train']").get("points").split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT


def test_the_articles_line_stands_for_cifar10_and_for_nothing_else(tmp_path):
    assert "78.41 %" in run_charts(snapshot(tmp_path))[1]
    assert "78.41 %" not in run_charts(snapshot(tmp_path, classes=("a", "b")))[1]
    assert "78.41 %" not in run_charts(snapshot(tmp_path))[0]


def test_empty_axes_say_what_will_come():
    for html in run_charts(None):
        assert "drawn from the first steps on" in html and ElementTree.fromstring(html) is not None


@pytest.mark.parametrize("epochs", [1, 2, 6, 8, 60, 100, 1000])
def test_ticks_are_round_and_few(epochs):
    ticks = Axis("epoch", 0, epochs).ticks(8)
    assert 2 <= len(ticks) <= 9 and ticks[0] == 0 and ticks[-1] <= epochs
    assert all(re.fullmatch(r"\d+(\.\d)?", f"{tick:.4g}") for tick in ticks)

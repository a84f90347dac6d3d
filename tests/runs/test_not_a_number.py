"""What is no number is null in the log, and nothing is drawn of it."""

import json

import pytest

from resnet_demo.runs.events import EpochEnded, MetricsLogged, from_line, to_line
from resnet_demo.runs.figures import draw_curves
from resnet_demo.runs.fold import RunView, fold
from resnet_demo.runs.text import event_line
from resnet_demo.ui.html.axis import Axis
from resnet_demo.ui.html.curves import Along, measured

PLACE = {"time": 1.0, "epoch": 1, "step": 4, "images_seen": 64, "elapsed_s": 2.0}


def ended(loss: float) -> EpochEnded:
    return EpochEnded(**PLACE, test_loss=loss, test_accuracy=0.5, validation_loss=loss, validation_accuracy=0.5)


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), float("-inf"), 9.6e17])
def test_the_log_is_json_and_says_null(loss):
    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    values = json.loads(to_line(ended(loss)), parse_constant=refuse)
    assert values["test_loss"] is None and values["test_accuracy"] == 0.5
    assert from_line(to_line(ended(loss))).test_loss is None


def test_a_log_of_an_earlier_version_says_nan_and_none_of_it_is_drawn():
    old = to_line(ended(1.5)).replace("1.5", "NaN")
    event = from_line(old)
    point = MetricsLogged(**PLACE, train_loss=2.0, train_accuracy=0.1, learning_rate=0.1, images_per_s=10.0)
    view = fold([point, event])
    assert event.test_loss is None and "test loss –" in event_line(event)
    assert measured(view, Along.run(view, 1, "epoch"), "test_loss", "test").points == []
    figure = draw_curves([(0, "run", view)])
    assert [len(line.get_xdata()) for line in figure.axes[0].lines] == [1, 0]


def test_an_epoch_whose_loss_an_earlier_version_wrote_however_large_is_no_lost_line():
    old = to_line(ended(1.5)).replace("1.5", "9.6e17")
    assert "9.6e17" in old
    event = from_line(old)
    assert event.test_loss is None and fold([event]).epochs == (event,)


def test_a_place_that_is_no_number_is_no_event():
    with pytest.raises(ValueError, match="Not an event"):
        from_line(to_line(ended(1.5)).replace('"step":4', '"step":NaN'))


def test_a_rate_that_is_unknown_does_not_count():
    unknown = MetricsLogged(**PLACE, train_loss=2.0, train_accuracy=0.1, learning_rate=0.1, images_per_s=None)
    assert RunView(metrics=(unknown,)).images_per_s is None


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (80_000.0, ["0", "20,000", "40,000", "60,000", "80,000"]),
        (400_000.0, ["0", "100k", "200k", "300k", "400k"]),
        (3_000_000.0, ["0", "500k", "1M", "1.5M", "2M", "2.5M", "3M"]),
    ],
)
def test_large_values_have_labels_that_fit_the_margin(highest, labels):
    axis = Axis.up_to("loss", highest)
    assert [axis.write(tick) for tick in axis.ticks(6)] == labels

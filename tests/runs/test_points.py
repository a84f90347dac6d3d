"""A run's curves as tidy points: nothing that was measured is missing, and a title is never a formula."""

import csv
import io

import pytest

from resnet_demo.runs import events
from resnet_demo.runs.fold import fold
from resnet_demo.runs.points import COLUMNS, points, write_csv

PLACE = {"time": 1.0, "images_seen": 0}


def metric(step, loss=1.0):
    return events.MetricsLogged(
        **PLACE, epoch=1, step=step, elapsed_s=step / 2, train_loss=loss, train_accuracy=0.5, learning_rate=0.1,
        images_per_s=100.0,
    )  # fmt: skip


def epoch(number, step, **validation):
    return events.EpochEnded(
        **PLACE, epoch=number, step=step, elapsed_s=step / 2, test_loss=2.0, test_accuracy=0.25, **validation
    )


def rows(*runs):
    file = io.StringIO()
    write_csv(runs, file)
    return list(csv.DictReader(io.StringIO(file.getvalue())))


def test_every_measured_value_is_one_row():
    view = fold([metric(2, 1.5), epoch(1, 4, validation_loss=1.0, validation_accuracy=0.75), metric(6)])
    found = rows(("run-1", "My run", view))
    assert tuple(found[0]) == COLUMNS and len(found) == 4 + 4 + 4
    assert found[0] == {
        "run": "run-1", "title": "My run", "step": "2", "epoch": "1", "elapsed_s": "1.000",
        "series": "train_loss", "value": "1.5",
    }  # fmt: skip
    assert [row["value"] for row in found if row["series"] == "validation_accuracy"] == ["0.75"]


def test_what_is_not_measured_has_no_row():
    assert {point.series for point in points(fold([epoch(1, 4)]))} == {"test_loss", "test_accuracy"}


def test_points_stand_in_the_order_of_their_steps():
    view = fold([metric(2), metric(4), epoch(1, 4), metric(6)])
    assert [point.step for point in points(view)] == sorted(point.step for point in points(view))


def test_several_runs_stand_below_each_other():
    found = rows(("a", "", fold([metric(1)])), ("b", "", fold([metric(1), metric(2)])))
    assert [row["run"] for row in found] == ["a"] * 4 + ["b"] * 8


@pytest.mark.parametrize("title", ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r=1"])
def test_a_title_is_never_a_formula(title):
    (row, *_) = rows(("=run", title, fold([metric(1)])))
    assert row["title"] == f"'{title}".replace("\t", " ").replace("\r", " ") and row["run"] == "'=run"


def test_a_title_with_commas_and_quotes_stays_one_cell_of_one_line():
    (row, *_) = rows(("r", 'a, "b"\nc', fold([metric(1)])))
    assert row["title"] == 'a, "b" c'

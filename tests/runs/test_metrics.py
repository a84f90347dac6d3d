"""Figures about a classifier, against scipy's and scikit-learn's."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from resnet_demo.runs.metrics import (
    class_metrics,
    expected_calibration_error,
    most_confused,
    reliability,
    wilson_interval,
)


@pytest.fixture
def answers():
    """(labels, answers) of 500 images of five classes, of which the last has none and is never answered."""
    random = np.random.RandomState(0)
    labels = random.randint(0, 4, 500)
    return labels, np.where(random.rand(500) < 0.7, labels, random.randint(0, 4, 500))


@pytest.mark.parametrize(("correct", "total"), [(0, 1), (1, 1), (7, 9), (7841, 10_000), (10_000, 10_000)])
def test_the_interval_is_wilsons(correct, total):
    theirs = binomtest(correct, total).proportion_ci(0.95, method="wilson")
    assert wilson_interval(correct, total) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_precision_and_recall_are_scikit_learns(answers):
    labels, answered = answers
    ours = class_metrics(confusion_matrix(labels, answered, labels=range(5)))
    precision, recall, _, support = precision_recall_fscore_support(
        labels, answered, labels=range(5), zero_division=np.nan
    )
    assert [one.images for one in ours] == support.tolist()
    assert [one.precision for one in ours[:4]] == pytest.approx(precision[:4].tolist())
    assert [one.recall for one in ours[:4]] == pytest.approx(recall[:4].tolist())
    assert (ours[4].precision, ours[4].recall) == (None, None)


def test_calibration_error_is_the_weighted_distance_of_confidence_and_accuracy():
    confidences = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    correct = np.array([True, True, True, False, True, True])
    bins = reliability(confidences, correct)
    assert [(one.images, one.confidence, one.accuracy) for one in bins] == [
        (2, pytest.approx(0.55), 1.0),
        (4, pytest.approx(0.95), 0.75),
    ]
    assert expected_calibration_error(confidences, correct) == pytest.approx((2 * 0.45 + 4 * 0.20) / 6)


def test_a_confidence_of_one_lies_in_the_last_stretch():
    assert reliability(np.array([1.0]), np.array([True]))[0].images == 1


def test_who_is_as_sure_as_right_has_no_error():
    correct = np.array([True] * 8 + [False] * 2)
    assert expected_calibration_error(np.full(10, 0.8), correct) == pytest.approx(0)


def test_the_most_frequent_mistakes_come_first_and_right_answers_never():
    confusion = np.array([[50, 3, 0], [7, 40, 0], [0, 1, 60]])
    assert most_confused(confusion, 2) == [(1, 0, 7), (0, 1, 3)]
    assert most_confused(np.diag([5, 5])) == []

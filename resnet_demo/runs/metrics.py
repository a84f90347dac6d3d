"""What can be said of a classifier from its answers on test images. Numpy alone; no torch."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

Z_95 = 1.959964  # standard deviations on either side that hold 95 % of a normal distribution
BINS = 10


def wilson_interval(correct: int, total: int) -> tuple[float, float]:
    """The 95 % confidence interval of a share, 0..1 (Wilson, 'Probable inference, the law of succession, and
    statistical inference', 1927): of accuracies near 0 or 1 and of few images it stays within them."""
    share, z2 = correct / total, Z_95**2
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = Z_95 / (1 + z2 / total) * sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True)
class ClassMetrics:
    """Of one class, 0..1; None where there is nothing to divide by."""

    images: int
    precision: float | None  # of the images that were taken for this class, those that are of it
    recall: float | None  # of the images of this class, those that were taken for it


def class_metrics(confusion: np.ndarray) -> list[ClassMetrics]:
    """For each class of a confusion matrix (classes, classes) of [true, answered] counts."""
    right, of_class, taken_for = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    return [
        ClassMetrics(int(n), float(hit / taken) if taken else None, float(hit / n) if n else None)
        for hit, n, taken in zip(right, of_class, taken_for, strict=True)
    ]


@dataclass(frozen=True)
class ReliabilityBin:
    """The images whose confidence lies in one stretch: how sure the network was, and how often right (0..1)."""

    images: int
    confidence: float
    accuracy: float


def reliability(confidences: np.ndarray, correct: np.ndarray, bins: int = BINS) -> list[ReliabilityBin]:
    """Equal stretches of 0..1 that hold an image, in order. `confidences` (N,) in 0..1, `correct` bool (N,)."""
    place = np.minimum((confidences * bins).astype(int), bins - 1)
    chosen = [place == number for number in range(bins)]
    return [
        ReliabilityBin(int(inside.sum()), float(confidences[inside].mean()), float(correct[inside].mean()))
        for inside in chosen
        if inside.any()
    ]


def expected_calibration_error(confidences: np.ndarray, correct: np.ndarray, bins: int = BINS) -> float:
    """How far confidence and accuracy lie apart, 0..1: the mean over the stretches, weighted by their images (Guo et
    al. 2017, arXiv:1706.04599, section 2)."""
    found = reliability(confidences, correct, bins)
    return sum(one.images * abs(one.confidence - one.accuracy) for one in found) / len(confidences)


def most_confused(confusion: np.ndarray, count: int = 5) -> list[tuple[int, int, int]]:
    """(true class, answered class, images) of the most frequent mistakes, the most frequent first."""
    wrong = confusion * (1 - np.eye(len(confusion), dtype=confusion.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[:count]
    pairs = [(int(place // len(wrong)), int(place % len(wrong))) for place in order]
    return [(true, answered, int(wrong[true, answered])) for true, answered in pairs if wrong[true, answered]]

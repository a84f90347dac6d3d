"""evaluation.json: what a checkpoint answered on every test image, kept beside the checkpoint. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from resnet_demo.data.dataset import BY_POSITION
from resnet_demo.files import read_json, replace_json
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.metrics import expected_calibration_error

EVALUATION_FORMAT = 1
FILE_NAME = "evaluation.json"
MAX_BYTES = 16_000_000  # a million images: of each two classes and a confidence
FLATTERING = ("may flatter", "cannot be told")  # what a warning says that makes an accuracy doubtful
DIGITS = 4  # of a confidence: more would only lengthen the file


def flattering(warnings: tuple[str, ...]) -> tuple[str, ...]:
    """Why an accuracy may be too good. Other warnings name files and folders, which are nobody's business elsewhere."""
    return tuple(warning for warning in warnings if any(mark in warning for mark in FLATTERING))


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Of N test images: what each is, what it was taken for, and how sure the network was.

    `step` and `epoch` are the checkpoint's, `data` is the source that the images are of, `split` how a folder's were
    shared out. `calibration` says which temperature the checkpoint has, or why none ('' in earlier versions' files);
    `uncalibrated_error` is the expected calibration error without it, None where it has none. `warnings` say what was
    left out, and whether it was tested on other images while it learned. `plain_accuracy` is that of the images alone,
    where the answers are means with their mirror images; None where they are not. `test_digest` is the digest of these
    images and labels ('' in earlier versions' files).
    """

    classes: tuple[str, ...]
    labels: np.ndarray  # int64 (N,): the true class's place in `classes`
    answers: np.ndarray  # int64 (N,): the likeliest class's
    confidences: np.ndarray  # float64 (N,): the probability of that class, 0..1
    data: str
    epoch: int
    step: int
    split: str = BY_POSITION
    uncalibrated_error: float | None = None
    calibration: str = ""
    warnings: tuple[str, ...] = ()
    plain_accuracy: float | None = None
    test_digest: str = ""

    def for_anyone(self) -> Evaluation:
        """Without the warnings that name files and folders of this machine."""
        return replace(self, warnings=flattering(self.warnings))

    def __post_init__(self) -> None:
        n, classes = self.labels.size, len(self.classes)
        shapes = {values.shape for values in (self.labels, self.answers, self.confidences)}
        places = np.concatenate([self.labels, self.answers])
        if not n or shapes != {(n,)} or places.min() < 0 or places.max() >= classes:
            raise ValueError("An evaluation needs one label, answer and confidence for each of its images.")

    @property
    def images(self) -> int:
        """How many."""
        return len(self.labels)

    @property
    def correct(self) -> np.ndarray:
        """bool (N,)"""
        return self.labels == self.answers

    @property
    def accuracy(self) -> float:
        """0..1 over all images."""
        return float(self.correct.mean())

    @property
    def confusion(self) -> np.ndarray:
        """int64 (classes, classes): [true class, answered class] -> images."""
        size = len(self.classes)
        return np.bincount(self.labels * size + self.answers, minlength=size * size).reshape(size, size)

    @property
    def class_accuracy(self) -> tuple[float | None, ...]:
        """0..1 for each class; None where it has no test image."""
        rows = self.confusion
        return tuple(row[place] / row.sum() if row.sum() else None for place, row in enumerate(rows))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the counts, without the single images."""
        rows = zip(self.classes, self.confusion.tolist(), self.class_accuracy, strict=True)
        return {
            "accuracy": self.accuracy,
            "plain_accuracy": self.plain_accuracy,
            "images": self.images,
            "calibration_error": expected_calibration_error(self.confidences, self.correct),
            "uncalibrated_error": self.uncalibrated_error,
            "classes": [{"class": name, "images": sum(row), "accuracy": share} for name, row, share in rows],
            "confusion": self.confusion.tolist(),
            "warnings": list(self.warnings),
        }

    # --- the images that are worth a look -----------------------------------------------------------------------

    def confident_mistakes(self) -> np.ndarray:
        """int64 (mistakes,): places of the wrongly answered images, the surest first."""
        return self._by_confidence(~self.correct)[::-1]

    def unsure_right_answers(self) -> np.ndarray:
        """int64 (right answers,): the least sure first."""
        return self._by_confidence(self.correct)

    def of_cell(self, true: int, answered: int) -> np.ndarray:
        """int64 (images of one cell of the confusion matrix,): the surest first."""
        return self._by_confidence((self.labels == true) & (self.answers == answered))[::-1]

    def _by_confidence(self, chosen: np.ndarray) -> np.ndarray:
        places = np.flatnonzero(chosen)
        return places[np.argsort(self.confidences[places], kind="stable")]


def save_evaluation(run: RunDirectory, evaluation: Evaluation) -> None:
    """Whole or not at all. Raises OSError."""
    stored = {
        "format": EVALUATION_FORMAT,
        "data": evaluation.data,
        "epoch": evaluation.epoch,
        "step": evaluation.step,
        "split": evaluation.split,
        "uncalibrated_error": evaluation.uncalibrated_error,
        "calibration": evaluation.calibration,
        "warnings": list(evaluation.warnings),
        "plain_accuracy": evaluation.plain_accuracy,
        "test_digest": evaluation.test_digest,
        "classes": list(evaluation.classes),
        "labels": evaluation.labels.tolist(),
        "answers": evaluation.answers.tolist(),
        "confidences": [round(share, DIGITS) for share in evaluation.confidences.tolist()],
    }
    replace_json(run.path / FILE_NAME, stored, compact=True)


def load_evaluation(run: RunDirectory) -> Evaluation | None:
    """None where there is none, or none that this version can read: evaluating again makes one."""
    stored = read_json(run.path / FILE_NAME, MAX_BYTES)
    if stored is None or stored.get("format") != EVALUATION_FORMAT:
        return None
    try:
        return Evaluation(
            classes=tuple(str(name) for name in stored["classes"]),
            labels=np.array(stored["labels"], dtype=np.int64),
            answers=np.array(stored["answers"], dtype=np.int64),
            confidences=np.array(stored["confidences"], dtype=np.float64),
            data=str(stored["data"]),
            epoch=int(stored["epoch"]),
            step=int(stored["step"]),
            split=str(stored.get("split", BY_POSITION)),
            uncalibrated_error=None if (error := stored.get("uncalibrated_error")) is None else float(error),
            calibration=str(stored.get("calibration", "")),
            warnings=tuple(str(warning) for warning in stored.get("warnings", ())),
            plain_accuracy=None if (plain := stored.get("plain_accuracy")) is None else float(plain),
            test_digest=str(stored.get("test_digest", "")),
        )
    except (LookupError, TypeError, ValueError, OverflowError):
        return None

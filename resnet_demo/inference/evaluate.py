"""How often a checkpoint is right, class by class, on images that it never learned from."""

from collections.abc import Generator
from pathlib import Path

import torch

from resnet_demo.data.known import FOLDER
from resnet_demo.data.sources import Dataset, LoadProgress, load_dataset
from resnet_demo.inference.predictor import BATCH, Classifier
from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import CheckpointError, ModelInfo
from resnet_demo.runs.evaluation import Evaluation
from resnet_demo.runs.metrics import expected_calibration_error
from resnet_demo.runs.text import calibration_text
from resnet_demo.runs.worker_files import Progress
from resnet_demo.text import printable


class OtherClassesError(CheckpointError):
    """The data's classes are not the checkpoint's."""


def evaluate(
    classifier: Classifier, data_dir: Path, data: str | None = None
) -> Generator[LoadProgress | Progress, None, Evaluation]:
    """`evaluation = yield from evaluate(…)` on the test images of `data`; None means what it learned from.

    Raises DataError where there are no data, OtherClassesError where their classes are not the checkpoint's.
    """
    source = data or classifier.info.data
    dataset = yield from load_dataset(source, data_dir, classifier.info.split)
    check_classes(classifier, dataset)
    return (yield from evaluate_dataset(classifier, dataset))


def check_classes(classifier: Classifier, dataset: Dataset) -> None:
    """Raises OtherClassesError where the data's classes are not the checkpoint's."""
    if dataset.classes != classifier.info.classes:
        raise OtherClassesError(
            t(
                "This checkpoint knows other classes than '{source}' has. Evaluate it on the data it was trained on.",
                source=printable(dataset.source),
            )
        )


def evaluate_dataset(classifier: Classifier, dataset: Dataset) -> Generator[Progress, None, Evaluation]:
    """The same for data in memory, whose classes are the checkpoint's."""
    total = len(dataset.test_labels)
    answers, plain_answers = torch.empty(2, total, dtype=torch.int64)
    confidences, raw = torch.empty(2, total, dtype=torch.float64)
    for start in range(0, total, BATCH):
        chosen = slice(start, start + BATCH)
        images = dataset.test_images[chosen]
        plain = classifier.logits(images)
        plain_answers[chosen] = plain.argmax(1)
        logits = classifier.answers(plain, images).double()
        confidences[chosen], answers[chosen] = (logits / classifier.info.temperature).softmax(1).max(1)
        raw[chosen] = logits.softmax(1).max(1).values
        yield Progress("evaluating", min(start + BATCH, total), total)
    correct = (answers == dataset.test_labels).numpy()
    plain_accuracy = float((plain_answers == dataset.test_labels).numpy().mean())
    calibrated, test_digest = classifier.info.calibration is not None, dataset.test_digest()
    return Evaluation(
        classes=dataset.classes,
        labels=dataset.test_labels.numpy(),
        answers=answers.numpy(),
        confidences=confidences.numpy(),
        data=dataset.source,
        epoch=classifier.info.epoch,
        step=classifier.info.step,
        split=classifier.info.split,
        uncalibrated_error=expected_calibration_error(raw.numpy(), correct) if calibrated else None,
        calibration=calibration_text(classifier.info),
        plain_accuracy=plain_accuracy if classifier.info.flip_averaging else None,
        warnings=(*dataset.warnings, *_other_images(classifier.info, dataset.source, test_digest)),
        test_digest=test_digest,
    )


def _other_images(info: ModelInfo, source: str, test_digest: str) -> tuple[str, ...]:
    """Whether these are the images that the checkpoint was tested on while it learned."""
    if test_digest == info.tested_on:
        return ()
    if not info.tested_on:
        told = "An earlier version wrote this checkpoint: whether it was tested on the same images cannot be told."
        return (told,) if source.startswith(FOLDER) else ()
    return (
        "The test images are not those that this checkpoint was tested on. It may have been trained on some of them, "
        "so the accuracy may flatter.",
    )

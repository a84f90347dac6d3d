"""How often a checkpoint is right, counted class by class on the test pictures."""

from dataclasses import replace

import pytest
import torch

from resnet_demo.data.digits import load_digits
from resnet_demo.data.sources import DataError, drain
from resnet_demo.inference.evaluate import evaluate, evaluate_dataset
from resnet_demo.inference.predictor import Classifier
from resnet_demo.models.checkpoint_info import CheckpointError
from tests.support.checkpoints import DIGITS, INFO, network


def drained(work):
    """(what was yielded, what was returned)"""
    steps = []
    result = drain(work, steps.append)
    return steps, result


def test_every_test_picture_is_counted_once_as_the_network_answers(tiny_dataset):
    classifier = Classifier(network(classes=3), replace(INFO, classes=tiny_dataset.classes))
    steps, evaluation = drained(evaluate_dataset(classifier, tiny_dataset))
    answers = classifier.logits(tiny_dataset.test_images).argmax(1)
    labels = tiny_dataset.test_labels
    assert evaluation.images == 30
    assert evaluation.accuracy == pytest.approx((answers == labels).float().mean().item())
    for true in range(3):
        for answered in range(3):
            wanted = ((labels == true) & (answers == answered)).sum().item()
            assert evaluation.confusion[true, answered] == wanted
    assert evaluation.answers.tolist() == answers.tolist()
    shares = classifier.logits(tiny_dataset.test_images).softmax(1).max(1).values
    assert evaluation.confidences == pytest.approx(shares.numpy(), abs=1e-5)
    assert (evaluation.step, evaluation.epoch, evaluation.data) == (INFO.step, INFO.epoch, tiny_dataset.source)
    assert (steps[-1].phase, steps[-1].done, steps[-1].total) == ("evaluating", 30, 30)


def test_the_data_it_learned_from_are_found_by_name(tmp_path):
    classifier = Classifier(network(classes=10), DIGITS)
    steps, evaluation = drained(evaluate(classifier, tmp_path))
    assert {step.phase for step in steps} == {"decoding", "evaluating"}
    assert evaluation.classes == DIGITS.classes
    assert evaluation.images == 297
    digits = drain(load_digits())
    counts = torch.bincount(digits.test_labels).tolist()
    assert evaluation.confusion.sum(1).tolist() == counts


def test_other_classes_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="other classes than 'digits' has"):
        drain(evaluate(Classifier(network(), INFO), tmp_path, "digits"))


def test_data_that_are_gone_are_a_sentence(tmp_path):
    info = replace(INFO, data=f"folder:{tmp_path / 'gone'}")
    with pytest.raises(DataError, match="There is no folder"):
        drain(evaluate(Classifier(network(), info), tmp_path))

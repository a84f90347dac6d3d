"""How often a checkpoint is right, counted class by class on the test images."""

from dataclasses import replace

import pytest
import torch

from resnet_demo.data.dataset import BY_NAME, BY_POSITION
from resnet_demo.data.digits import load_digits
from resnet_demo.data.sources import DataError, drain, load_dataset
from resnet_demo.inference.evaluate import evaluate, evaluate_dataset
from resnet_demo.inference.predictor import Classifier
from resnet_demo.models.checkpoint_info import WITHOUT_DIGEST, Calibration, CheckpointError, ModelInfo
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.evaluation import load_evaluation, save_evaluation
from resnet_demo.runs.metrics import expected_calibration_error
from tests.support.checkpoints import DIGITS, INFO, network
from tests.support.image_folders import fill, noise_image


def drained(work):
    """(what was yielded, what was returned)"""
    steps = []
    result = drain(work, steps.append)
    return steps, result


def test_every_test_image_is_counted_once_as_the_network_answers(tiny_dataset):
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


def test_a_temperature_changes_how_sure_it_is_and_no_answer(tiny_dataset):
    info = replace(INFO, classes=tiny_dataset.classes, held_out=50)
    fitted = replace(info, calibration=Calibration(50, 0.5, 0.2, 0.1))
    plain, calibrated = (
        drained(evaluate_dataset(Classifier(network(classes=3), one), tiny_dataset))[1] for one in (info, fitted)
    )
    logits = Classifier(network(classes=3), info).logits(tiny_dataset.test_images).double()
    assert calibrated.answers.tolist() == plain.answers.tolist()
    assert plain.confidences == pytest.approx(logits.softmax(1).max(1).values.numpy())
    assert calibrated.confidences == pytest.approx((logits / 0.5).softmax(1).max(1).values.numpy())
    without = expected_calibration_error(plain.confidences, plain.correct)
    assert calibrated.uncalibrated_error == pytest.approx(without) and plain.uncalibrated_error is None
    assert calibrated.as_dict()["uncalibrated_error"] == pytest.approx(without)
    assert calibrated.calibration == "calibrated on 50 held-out images (temperature 0.50)"
    assert "no epoch has been measured" in plain.calibration


def test_with_flip_averaging_the_accuracy_of_the_images_alone_is_told_too(tiny_dataset, store):
    plain = Classifier(network(classes=3), replace(INFO, classes=tiny_dataset.classes))
    averaging = Classifier(plain.model, replace(plain.info, flip_averaging=True))
    alone, both = (drained(evaluate_dataset(one, tiny_dataset))[1] for one in (plain, averaging))
    assert alone.plain_accuracy is None and both.plain_accuracy == pytest.approx(alone.accuracy)
    assert both.answers.tolist() == averaging.probabilities(tiny_dataset.test_images).argmax(1).tolist()
    run = store.create(preset_config("tour"))
    for evaluation in (alone, both):
        save_evaluation(run, evaluation)
        assert load_evaluation(run).plain_accuracy == evaluation.plain_accuracy
        assert evaluation.as_dict()["plain_accuracy"] == evaluation.plain_accuracy


def test_the_data_it_learned_from_are_found_by_name(tmp_path):
    classifier = Classifier(network(classes=10), DIGITS)
    steps, evaluation = drained(evaluate(classifier, tmp_path))
    assert {step.phase for step in steps} == {"starting", "evaluating"}
    assert evaluation.classes == DIGITS.classes
    assert evaluation.images == 297
    digits = drain(load_digits())
    counts = torch.bincount(digits.test_labels).tolist()
    assert evaluation.confusion.sum(1).tolist() == counts


def test_other_classes_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="other classes than 'digits' has") as caught:
        drain(evaluate(Classifier(network(), INFO), tmp_path, "digits"))
    assert "--data" not in str(caught.value)  # the page says it, too


def test_data_that_are_gone_are_a_sentence(tmp_path):
    info = replace(INFO, data=f"folder:{tmp_path / 'gone'}")
    with pytest.raises(DataError, match="There is no folder"):
        drain(evaluate(Classifier(network(), info), tmp_path))


@pytest.fixture
def coins(tmp_path):
    """An image folder, and what a checkpoint that was trained and tested on it says of itself."""
    folder = fill(tmp_path / "coins", {"heads": 40, "tails": 40})
    dataset = drain(load_dataset(f"folder:{folder}", tmp_path))
    info = replace(INFO, classes=dataset.classes, data=dataset.source, split=BY_NAME, tested_on=dataset.test_digest())
    return folder, info


def test_the_same_test_images_need_no_word(coins, tmp_path):
    folder, info = coins
    classifier = Classifier(network(classes=2), info)
    assert drained(evaluate(classifier, tmp_path))[1].warnings == ()
    moved = folder.rename(tmp_path / "moved")
    assert drained(evaluate(classifier, tmp_path, f"folder:{moved}"))[1].warnings == ()


def test_other_test_images_are_told(coins, tmp_path):
    folder, info = coins
    for number in range(40):
        noise_image(5000 + number).save(folder / "heads" / f"more {number}.png")
    _, evaluation = drained(evaluate(Classifier(network(classes=2), info), tmp_path))
    assert "not those that this checkpoint was tested on" in evaluation.warnings[0]
    assert evaluation.as_dict()["warnings"] == list(evaluation.warnings)


def test_a_checkpoint_of_an_earlier_version_is_tested_on_what_it_was_tested_on(coins, tmp_path):
    _, info = coins
    earlier = {name: text for name, text in info.to_metadata().items() if name not in ("split", "tested_on")}
    old = ModelInfo.from_metadata({**earlier, "format": WITHOUT_DIGEST})
    assert (old.split, old.tested_on) == (BY_POSITION, "")
    _, evaluation = drained(evaluate(Classifier(network(classes=2), old), tmp_path))
    assert [sum(row) for row in evaluation.confusion.tolist()] == [4, 4]
    assert "cannot be told" in evaluation.warnings[0]


def test_what_a_folder_leaves_out_is_told(coins, tmp_path):
    folder, info = coins
    (folder / "edge").mkdir()
    _, evaluation = drained(evaluate(Classifier(network(classes=2), info), tmp_path))
    assert any("edge" in warning for warning in evaluation.warnings)

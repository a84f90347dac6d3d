"""evaluation.json: what is written is read again, and what is damaged is none."""

import json
from dataclasses import replace

import numpy as np
import pytest

from resnet_demo.runs.evaluation import Evaluation, load_evaluation, save_evaluation


@pytest.fixture
def evaluation():
    return Evaluation(
        classes=("cat", "dog", "frog"),
        labels=np.array([0, 0, 1, 1, 1]),
        answers=np.array([0, 1, 1, 0, 1]),
        confidences=np.array([0.9, 0.6, 0.5, 0.99, 0.8]),
        data="digits",
        epoch=2,
        step=34,
    )


def test_it_is_counted_by_true_class_and_answer(evaluation):
    assert evaluation.images == 5
    assert evaluation.accuracy == 3 / 5
    assert evaluation.confusion.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert evaluation.class_accuracy == (1 / 2, 2 / 3, None)
    assert evaluation.as_dict()["classes"][2] == {"class": "frog", "images": 0, "accuracy": None}


def test_the_surest_mistakes_and_the_least_sure_right_answers_come_first(evaluation):
    assert evaluation.confident_mistakes().tolist() == [3, 1]
    assert evaluation.unsure_right_answers().tolist() == [2, 4, 0]
    assert evaluation.of_cell(1, 1).tolist() == [4, 2]
    assert evaluation.of_cell(2, 0).tolist() == []


def test_what_is_saved_is_read_again(run, evaluation):
    save_evaluation(run, evaluation)
    read = load_evaluation(run)
    assert (read.classes, read.data, read.epoch, read.step) == (("cat", "dog", "frog"), "digits", 2, 34)
    for name in ("labels", "answers", "confidences"):
        assert getattr(read, name).tolist() == getattr(evaluation, name).tolist()


def test_what_is_saved_of_a_million_images_is_read_again(run, evaluation):
    many = 10**6
    classes = tuple(f"class {number}" for number in range(1000))
    values = {"labels": np.full(many, 999), "answers": np.full(many, 999), "confidences": np.full(many, 0.1234)}
    save_evaluation(run, replace(evaluation, classes=classes, **values))
    assert load_evaluation(run).images == many


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"labels": [0]},
        {"answers": [0, 1, 1, 0, 3]},
        {"labels": [0, 0, -1, 1, 1]},
        {"confidences": "x"},
        {"classes": 5},
        {"step": None},
        {"labels": [], "answers": [], "confidences": []},
        {"labels": [[0], [0]], "answers": [[0], [1]], "confidences": [[0.9], [0.6]]},
        {"labels": [0, 0, 1, 1, 10**30]},
    ],
)
def test_a_damaged_file_is_none(run, evaluation, change):
    save_evaluation(run, evaluation)
    path = run.path / "evaluation.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert load_evaluation(run) is None


def test_no_file_is_none(run):
    assert load_evaluation(run) is None

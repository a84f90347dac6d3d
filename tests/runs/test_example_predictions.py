"""examples.json: what is written is read, and what is damaged is said."""

import json

import pytest

from resnet_demo.runs.config import preset_config
from resnet_demo.runs.directory import SHIPPED, RunError
from resnet_demo.runs.example_predictions import (
    FILE_NAME,
    EpochPredictions,
    read_example_predictions,
    write_example_predictions,
)
from resnet_demo.runs.store import RunStore

FIRST = EpochPredictions(1, 0.41, {"cat": ("dog", 0.43), "dog": ("dog", 0.9)})
SECOND = EpochPredictions(2, 0.5, {"cat": ("cat", 0.6), "dog": ("dog", 0.8)})


@pytest.fixture
def run(tmp_path):
    return RunStore(tmp_path).create(preset_config("fast"))


def test_what_is_written_is_read_in_the_order_of_the_epochs(run):
    assert read_example_predictions(run) is None
    write_example_predictions(run, ["cat", "dog"], [SECOND, FIRST])
    assert read_example_predictions(run) == (FIRST, SECOND)
    assert (FIRST.right, SECOND.right) == (1, 2)


@pytest.mark.parametrize(
    "stored",
    [
        [],
        {},
        {"epochs": []},
        {"epochs": [{"epoch": 1}]},
        {"epochs": [{"epoch": "1", "test_accuracy": 0.5, "predictions": {}}]},
        {"epochs": [{"epoch": 1, "test_accuracy": 0.5, "predictions": {"cat": "dog"}}]},
        {"epochs": [{"epoch": 1, "test_accuracy": 0.5, "predictions": {"cat": ["dog", None]}}]},
        {"epochs": [{"epoch": 1, "test_accuracy": 0.5, "predictions": {"../cat": ["dog", 0.5]}}]},
    ],
)
def test_a_damaged_file_is_said(run, stored):
    (run.path / FILE_NAME).write_text(json.dumps(stored), encoding="utf-8")
    with pytest.raises(RunError, match="is damaged"):
        read_example_predictions(run)


def test_those_that_come_with_the_project_can_be_read():
    for run in RunStore(SHIPPED.parent / "none", SHIPPED).all_runs():
        examples = read_example_predictions(run)
        assert examples is None or [e.epoch for e in examples] == [e.epoch for e in run.view().epochs]

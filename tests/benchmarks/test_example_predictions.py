"""Each epoch's weights are asked about each class's example image."""

import shutil

import pytest
from PIL import Image

from benchmarks.example_predictions import predict_examples
from resnet_demo.data.examples import DRAWN
from resnet_demo.inference.predictor import Classifier
from resnet_demo.runs import events
from resnet_demo.runs.example_predictions import read_example_predictions
from resnet_demo.runs.store import RunStore
from tests.support.checkpoints import INFO, make_run


@pytest.fixture
def run(tmp_path):
    run = make_run(RunStore(tmp_path), "small")  # of the classes cat, dog, frog and truck
    for epoch in (1, 2):
        place = {"time": 1.0, "epoch": epoch, "step": 10 * epoch, "images_seen": 1, "elapsed_s": 1.0}
        run.append(events.EpochEnded(**place, test_loss=1.0, test_accuracy=0.123456 * epoch))
    return run


def test_the_answers_are_those_of_each_epochs_weights(run, tmp_path):
    weights = tmp_path / "kept"
    weights.mkdir()
    shutil.copy(run.model_path, weights / "0001.safetensors")
    shutil.copy(make_run(RunStore(tmp_path), "other", seed=1).model_path, weights / "0002.safetensors")
    predict_examples(run, weights)
    first, second = read_example_predictions(run)
    assert (first.epoch, first.test_accuracy, second.epoch) == (1, 0.1235, 2)
    assert set(first.predictions) == set(INFO.classes) and first.predictions != second.predictions
    with Image.open(DRAWN / "cat.png") as image:
        expected = Classifier.from_file(run.model_path).classify(image.convert("RGB")).ranked[0]
    assert first.predictions["cat"] == (expected[0], pytest.approx(expected[1], abs=1e-4))


def test_what_is_missing_is_said(run, tmp_path):
    with pytest.raises(SystemExit, match="no weights"):
        predict_examples(run, tmp_path / "kept")
    (tmp_path / "kept").mkdir()
    shutil.copy(run.model_path, tmp_path / "kept" / "0003.safetensors")
    with pytest.raises(SystemExit, match="no epoch 3"):
        predict_examples(run, tmp_path / "kept")
    (tmp_path / "kept" / "0003.safetensors").rename(tmp_path / "kept" / "0002.safetensors")
    with pytest.raises(SystemExit, match="cannot be read"):
        predict_examples(run, tmp_path / "kept", tmp_path)

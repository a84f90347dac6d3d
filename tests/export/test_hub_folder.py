"""A folder for the Hub: timm and `resnet_demo.load` open it, and its card tells the truth of the run."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from huggingface_hub import ModelCard
from PIL import Image

from resnet_demo import load
from resnet_demo.cli.main import main
from resnet_demo.inference.evaluate import _other_images
from resnet_demo.models.checkpoint import save_model
from resnet_demo.models.checkpoint_info import Calibration
from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.evaluation import FLATTERING, Evaluation, save_evaluation
from resnet_demo.runs.events import RunStarted
from resnet_demo.runs.metrics import wilson_interval
from resnet_demo.runs.store import RunStore
from resnet_demo.text import percent
from tests.support.checkpoints import DIGITS, INFO, make_run, network

CLASSES = ("cat", "dog|*wolf*", "<b>frog</b>", "truck")
FITTED = replace(INFO, classes=CLASSES, calibration=Calibration(90, 2.5, 0.2, 0.1), held_out=90)
LEFT_OUT = "2 files could not be read as an image and will not be used: /srv/animals/private.png."


@pytest.fixture
def run(tmp_path):
    """It has been told what it trained on, and evaluated: 30 of 40 are right."""
    run = make_run(RunStore(tmp_path / "runs"), "20260101-first", FITTED)
    run.write_config(
        replace(run.config(), data="folder:/srv/animals", seed=7),
        torch="2.14.1",
        resnet_demo="0.2.0",
        precision="float32",
    )
    run.rename("Cats | and *others*")
    started = {"epochs": 2, "steps_per_epoch": 17, "train_images": 2000, "validation_images": 90, "test_images": 40}
    where = {"time": 1.0, "epoch": 0, "step": 0, "images_seen": 0, "elapsed_s": 0.0}
    run.append(RunStarted(**where, **started, classes=CLASSES, device="CPU, 1 thread", warnings=(LEFT_OUT,)))
    labels = np.arange(40) % 4
    answers = np.where(np.arange(40) < 30, labels, (labels + 1) % 4)
    found = {"data": "folder:/srv/animals", "epoch": 2, "step": 34, "uncalibrated_error": 0.2}
    save_evaluation(run, Evaluation(CLASSES, labels, answers, np.full(40, 0.7), **found))
    return run


def export(*arguments) -> int:
    return main(["export", "--format", "hub", *(str(argument) for argument in arguments)])


@pytest.fixture
def folder(run, tmp_path):
    assert export(run.path, tmp_path / "hub") == 0
    return tmp_path / "hub"


def card(folder) -> str:
    return (folder / "README.md").read_text(encoding="utf-8")


def run_example(folder, tmp_path, capsys) -> str:
    """What the card's example prints of an image."""
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "image.png")
    example = re.search(r"```python\n(.*?)```", card(folder), re.DOTALL)[1]
    capsys.readouterr()
    exec(example.replace("FOLDER", str(folder)).replace("image.png", str(tmp_path / "image.png")), {})
    return capsys.readouterr().out.strip()


def test_it_holds_three_files(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]


def test_timm_builds_and_loads_it(folder):
    theirs = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    images = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(theirs(images), network()(images), atol=1e-5)
    assert theirs.pretrained_cfg["label_names"] == list(CLASSES) and theirs.num_classes == 4
    told = timm.data.resolve_model_data_config(theirs)
    assert (tuple(told["input_size"]), told["crop_pct"], told["interpolation"]) == ((3, 32, 32), 1.0, "bicubic")
    assert (tuple(told["mean"]), tuple(told["std"])) == (INFO.mean, INFO.std)


def test_the_cards_example_answers_as_we_do(folder, run, tmp_path, capsys):
    said = run_example(folder, tmp_path, capsys)
    for ours in (load(run.path), load(folder)):
        assert said == ours.classify(tmp_path / "image.png").ranked[0][0]
    assert f"(logits / {FITTED.temperature:.4f}).softmax(1)" in card(folder)


def test_the_example_and_the_card_of_flip_averaging_say_the_mean(run, tmp_path, capsys):
    info = replace(FITTED, flip_averaging=True)
    save_model(run.model_path, network(), info)
    labels = np.arange(40) % 4
    found = {"data": "folder:/srv/animals", "epoch": 2, "step": 34, "plain_accuracy": 0.9}
    save_evaluation(run, Evaluation(CLASSES, labels, labels, np.full(40, 0.7), **found))
    assert export(run.path, tmp_path / "hub") == 0
    said = run_example(tmp_path / "hub", tmp_path, capsys)
    assert said == load(run.path).classify(tmp_path / "image.png").ranked[0][0]
    text = card(tmp_path / "hub")
    assert "torch.stack([image, image.flip(-1)])).mean(0, keepdim=True)" in text
    assert "the mean over an image and its mirror image; by the image alone 90.0 % are classified correctly." in text
    assert "where logits is the mean of an image's and its mirror image's" in text


def test_a_network_that_timm_lacks_is_loaded_by_us(tmp_path, capsys):
    info = replace(DIGITS, arch="resnet20", stem="cifar", shortcut="A")
    run = RunStore(tmp_path / "runs").create(preset_config("tour"), name="small")
    save_model(run.model_path, ResNet(NetworkSpec("resnet20")).eval(), info)
    assert export(run.path, tmp_path / "hub") == 0
    with pytest.raises(RuntimeError, match="Unknown model"):
        timm.create_model(f"local-dir:{tmp_path / 'hub'}", pretrained=True)
    said = run_example(tmp_path / "hub", tmp_path, capsys)
    assert said == str(load(run.path).classify(tmp_path / "image.png").ranked[0])


def test_the_hub_reads_the_cards_head(folder):
    read = ModelCard(card(folder)).data
    assert (read.library_name, read.pipeline_tag, read.model_name) == (
        "timm",
        "image-classification",
        "Cats | and *others*",
    )
    (result,) = read.eval_results
    assert (result.dataset_name, result.metric_type, result.metric_value) == ("animals", "accuracy", 0.75)


def test_the_card_tells_of_data_accuracy_recipe_and_limits(folder):
    text = card(folder)
    low, high = wilson_interval(30, 40)
    assert f"| 40 | 75.0 % | {percent(low)} to {percent(high)} |" in text
    assert "2,000 images were trained on, 90 held out (the temperature is fitted on them) and 40 tested on." in text
    assert "They began random, and are nobody's pretrained weights" in text
    assert "after epoch 2 of" in text and "(step 34), averaged" in text
    assert "| Seed | 7 |" in text and "torch 2.14.1" in text and "CPU, 1 thread" in text
    assert "Expected calibration error: 5.0 %, 20.0 % without the temperature." in text
    assert "answered with one of 4 classes" in text and "calibrated on 90 held-out images (temperature 2.50)" in text


def test_it_names_no_folder_or_file_of_this_machine(folder, tmp_path):
    for path in folder.iterdir():
        content = path.read_bytes()
        assert [name for name in (b"/srv", b"private.png", str(tmp_path).encode()) if name in content] == []


def test_names_cannot_be_markup(folder):
    body = card(folder).split("---\n", 2)[2]
    assert r"# Cats \| and \*others\*" in body and r"dog\|\*wolf\*" in body and "<b>" not in body.replace(r"\<b", "")


@pytest.mark.parametrize(
    ("start_from", "told"),
    [
        ("torchvision", "began as torchvision's ImageNet weights"),
        ("run:20250101-x", "of the run `20250101-x`"),
        ("file", "of a file that was made elsewhere"),
    ],
)
def test_weights_that_did_not_begin_random_say_so(run, tmp_path, start_from, told):
    run.write_config(replace(run.config(), arch="resnet18", shortcut="B", start_from=start_from))
    assert export(run.path, tmp_path / "hub") == 0
    assert told in card(tmp_path / "hub") and "began random" not in card(tmp_path / "hub")


def test_an_evaluation_of_an_earlier_checkpoint_is_not_its_own(run, tmp_path):
    save_model(run.model_path, network(), replace(FITTED, step=51, epoch=3, accuracy=0.8))
    assert export(run.path, tmp_path / "hub") == 0
    low, high = wilson_interval(32, 40)
    assert f"| 40 | 80.0 % | {percent(low)} to {percent(high)} |" in card(tmp_path / "hub")
    assert "As training measured it after epoch 3" in card(tmp_path / "hub")


def test_what_was_never_measured_is_not_made_up(run, tmp_path):
    save_model(run.model_path, network(), replace(INFO, step=3, epoch=0, accuracy=None))
    assert export(run.path, tmp_path / "hub") == 0
    assert "Not measured yet." in card(tmp_path / "hub") and "accuracy" not in str(
        ModelCard(card(tmp_path / "hub")).data
    )


def test_rounded_weights_say_so(run, tmp_path):
    assert export(run.path, tmp_path / "hub", "--precision", "bfloat16") == 0
    assert "Measured before the weights were rounded to bfloat16." in card(tmp_path / "hub")


def test_a_doubtful_accuracy_is_told(run, tmp_path):
    warnings = _other_images(INFO, "folder:animals", "x")
    warnings += _other_images(replace(INFO, tested_on="y"), "folder:animals", "x")
    assert len(warnings) == len(FLATTERING)
    labels = np.zeros(4, dtype=np.int64)
    found = {"data": "folder:/srv/animals", "epoch": 2, "step": 34, "warnings": (*warnings, LEFT_OUT)}
    save_evaluation(run, Evaluation(CLASSES, labels, labels, np.full(4, 0.7), **found))
    assert export(run.path, tmp_path / "hub") == 0
    assert all(warning in card(tmp_path / "hub") for warning in warnings) and "private.png" not in card(
        tmp_path / "hub"
    )


def test_a_place_that_is_taken_or_among_the_runs_is_refused(run, tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "mine.txt").write_text("mine")
    for target, code, sentence in (
        (taken, 1, "is there already. Name a new folder."),
        (run.path, 2, "lies in the folder of the run '20260101-first'"),
        (run.path.parent / "hub", 2, "lies among the runs, and would be listed as one"),
    ):
        assert export(run.path, target) == code
        assert sentence in capsys.readouterr().err
    assert [path.name for path in taken.iterdir()] == ["mine.txt"]
    assert export(run.model_path, tmp_path / "hub") == 1
    assert "is no run. Name a run's folder." in capsys.readouterr().err
    assert not (tmp_path / "hub").exists()


def test_an_export_that_fails_leaves_nothing(run, tmp_path, capsys):
    (run.path / "config.json").write_text(json.dumps({"format": 999, "config": {}}))
    assert export(run.path, tmp_path / "hub") == 1
    assert "newer version" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]

"""A run may begin with the weights of a safetensors file, whoever wrote it."""

import json
from dataclasses import replace

import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18, resnet34

from resnet_demo.cli.main import main
from resnet_demo.data.digits import load_digits
from resnet_demo.data.sources import drain
from resnet_demo.models.checkpoint import save_model
from resnet_demo.models.checkpoint_info import CheckpointError
from resnet_demo.runs.config import FROM_FILE, preset_config
from resnet_demo.runs.directory import RunError
from resnet_demo.runs.store import RunStore
from resnet_demo.training.device import choose_device
from resnet_demo.training.errors import TrainingError
from resnet_demo.training.first_weights import load_first_weights
from resnet_demo.training.outside_weights import UNKNOWN_IMAGES
from resnet_demo.training.trainer import Trainer
from tests.support.checkpoints import DIGITS, network

CONFIG = preset_config(
    "tour", arch="resnet18", epochs=1, batch_size=16, train_images=160, test_images=40, threads=2, whiten_stem=False,
    start_from=FROM_FILE,
)  # fmt: skip


@pytest.fixture(scope="module")
def dataset():
    return drain(load_digits())


def started(path, dataset, tmp_path, **changes) -> Trainer:
    """A trainer before its first step, with what it begins with."""
    trainer = Trainer(replace(CONFIG, **changes), dataset, choose_device("cpu"))
    drain(load_first_weights(trainer, RunStore(tmp_path), tmp_path, path))
    return trainer


def test_names_of_torchvision_and_timm_are_read_behind_any_prefix(dataset, tmp_path):
    for builder in (resnet18, lambda: timm.create_model("resnet18")):
        theirs = builder().state_dict()
        for prefix in ("", "module.", "_orig_mod.", "module._orig_mod."):
            save_file({f"{prefix}{name}": tensor for name, tensor in theirs.items()}, tmp_path / "outside.safetensors")
            trainer = started(tmp_path / "outside.safetensors", dataset, tmp_path)
            for ours in (trainer.model.state_dict(), trainer.ema_model.state_dict()):
                assert all(torch.equal(ours[name], theirs[name]) for name in theirs if not name.startswith("fc."))
            assert trainer.warnings == (UNKNOWN_IMAGES, trainer.warnings[1])
            assert "the classifier is new" in trainer.warnings[1]


def test_another_stem_and_half_precision_are_taken(dataset, tmp_path):
    theirs = {name: tensor.half() if tensor.ndim > 1 else tensor for name, tensor in resnet18().state_dict().items()}
    save_file(theirs, tmp_path / "outside.safetensors")
    trainer = started(tmp_path / "outside.safetensors", dataset, tmp_path, stem="cifar")
    assert any("have the stem 'imagenet', so the first layer is new" in warning for warning in trainer.warnings)
    ours = trainer.model.state_dict()["layer4.1.conv2.weight"]
    assert ours.dtype == torch.float32 and torch.equal(ours, theirs["layer4.1.conv2.weight"].float())


def test_a_backbone_without_a_classifier_is_taken(dataset, tmp_path):
    save_file(timm.create_model("resnet18", num_classes=0).state_dict(), tmp_path / "outside.safetensors")
    started(tmp_path / "outside.safetensors", dataset, tmp_path)


def test_a_checkpoint_of_ours_keeps_its_classifier_and_its_digest(dataset, tmp_path):
    save_model(tmp_path / "ours.safetensors", network(classes=10), DIGITS)
    trainer = started(tmp_path / "ours.safetensors", dataset, tmp_path)
    assert torch.equal(trainer.model.fc.weight, network(classes=10).fc.weight)
    assert trainer.warnings == (UNKNOWN_IMAGES,)
    content = bytearray((tmp_path / "ours.safetensors").read_bytes())
    content[-1] ^= 0x80
    (tmp_path / "ours.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged"):
        started(tmp_path / "ours.safetensors", dataset, tmp_path)


@pytest.mark.parametrize(
    ("weights", "changes", "sentence"),
    [
        (lambda: resnet18().state_dict(), {"arch": "resnet34"}, "no resnet34's .* no 'layer1.2.conv1.weight'"),
        (lambda: resnet34().state_dict(), {}, "this one has no 'layer1.2"),
        (lambda: resnet18().state_dict(), {"shortcut": "A"}, "this one has no 'layer2.0.downsample.0.weight'"),
        (lambda: resnet18().state_dict() | {"layer1.0.conv1.weight": torch.zeros(1)}, {}, "do not fit"),
        (lambda: {"module.a": torch.zeros(1)}, {}, "they have no 'conv1.weight'"),
        (dict, {}, "they have no 'conv1.weight'"),
    ],
)  # fmt: skip
def test_weights_of_another_network_are_refused(dataset, tmp_path, weights, changes, sentence):
    save_file(weights(), tmp_path / "outside.safetensors")
    with pytest.raises(TrainingError, match=sentence):
        started(tmp_path / "outside.safetensors", dataset, tmp_path, **changes)


def test_the_command_keeps_a_copy_and_no_path(tmp_path, capsys):
    save_file(resnet18().state_dict(), tmp_path / "outside.safetensors")
    run = RunStore(tmp_path / "runs")
    words = ["train", "--run", str(tmp_path / "runs" / "first"), "--preset", "tour", "--data", "digits", "--json"]
    words += ["--arch", "resnet18", "--epochs", "1", "--train-images", "160", "--test-images", "40"]
    words += ["--start-from", f"file:{tmp_path / 'outside.safetensors'}"]
    assert main(words) == 0
    run = RunStore(tmp_path / "runs").get("first")
    assert run.config().start_from == FROM_FILE
    assert run.first_weights_path.read_bytes() == (tmp_path / "outside.safetensors").read_bytes()
    assert UNKNOWN_IMAGES in run.view().started.warnings
    assert "outside" not in (run.path / "config.json").read_text() + (run.path / "events.jsonl").read_text()
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["outcome"] == "finished"


@pytest.mark.parametrize(
    ("named", "code", "sentence"),
    [
        ("file:nowhere.safetensors", 1, "There is no checkpoint 'nowhere.safetensors'"),
        ("file:pickled.pth", 1, "'pickled.pth' is not a whole safetensors file"),
        ("file", 1, "Weights of a file are named on the command line: train --start-from file:PATH"),
        ("file:", 2, "Start from must be empty"),
    ],
)
def test_no_run_is_made_of_what_is_no_safetensors_file(tmp_path, monkeypatch, capsys, named, code, sentence):
    monkeypatch.chdir(tmp_path)
    torch.save(resnet18().state_dict(), "pickled.pth")
    assert main(["train", "--runs", "runs", "--data", "digits", "--start-from", named]) == code
    assert sentence in capsys.readouterr().err and not list(tmp_path.glob("runs/*/config.json"))


def test_the_page_cannot_name_a_file(tmp_path):
    with pytest.raises(RunError, match="on the command line"):
        RunStore(tmp_path).create(CONFIG)

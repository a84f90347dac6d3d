"""Exported weights: torchvision and timm load them by name, and so do we; the file says what the network needs."""

import json
from dataclasses import replace

import pytest
import timm
import torch
import torchvision
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from resnet_demo import load
from resnet_demo.cli.main import main
from resnet_demo.models.checkpoint import save_model
from resnet_demo.models.checkpoint_info import Calibration
from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.runs.store import RunStore
from tests.support.checkpoints import DIGITS, INFO, make_run, network

FITTED = replace(INFO, calibration=Calibration(90, 2.5, 0.2, 0.1))
TOLERANCE = {"float32": 1e-5, "float16": 1e-3, "bfloat16": 1e-2}  # of logits around 0.1
BUILDERS = {
    "torchvision": lambda: torchvision.models.resnet18(num_classes=4),
    "timm": lambda: timm.create_model("resnet18", num_classes=4),
}


@pytest.fixture
def run(tmp_path):
    return make_run(RunStore(tmp_path / "runs"), "20260101-first", FITTED)


def export(*arguments) -> int:
    return main(["export", "--format", "safetensors", *(str(argument) for argument in arguments)])


def metadata(path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return file.metadata()


@pytest.mark.parametrize("precision", TOLERANCE)
@pytest.mark.parametrize("program", BUILDERS)
def test_other_programs_load_it_strictly_and_answer_alike(run, tmp_path, capsys, precision, program):
    file = tmp_path / "out.safetensors"
    assert export(run.path, file, "--precision", precision) == 0
    assert capsys.readouterr().out == f"{file}\n"
    weights = load_file(file)
    assert weights["conv1.weight"].dtype == weights["fc.weight"].dtype == getattr(torch, precision)
    assert weights["bn1.running_var"].dtype == torch.float32
    theirs = BUILDERS[program]().eval()
    theirs.load_state_dict(weights, strict=True)
    images = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(theirs(images), network()(images), atol=TOLERANCE[precision])


def test_the_file_says_what_the_network_takes_and_gives(run, tmp_path):
    export(run.path, tmp_path / "out.safetensors")
    told = metadata(tmp_path / "out.safetensors")
    assert json.loads(told["classes"]) == list(INFO.classes) and json.loads(told["arch"]) == "resnet18"
    assert "RGB 0..1, less the mean (0.5000, 0.4000, 0.3000), divided by the deviation (0.2000, 0.2500" in told["input"]
    assert "(N, 3, 32, 32)" in told["input"]
    assert told["output"].endswith("softmax(logits / 2.5000) are calibrated probabilities")
    assert "torchvision.models.resnet18(num_classes=4)" in told["loads_in"]


def test_it_names_no_folder_of_this_machine(run, tmp_path):
    export(run.path, tmp_path / "out.safetensors")
    assert "/srv" not in "".join(metadata(tmp_path / "out.safetensors").values())
    assert load(tmp_path / "out.safetensors").info.data == "folder:animals"


def test_it_is_a_checkpoint_of_ours(run, tmp_path):
    export(run.path, tmp_path / "out.safetensors")
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    ours, theirs = load(run.path), load(tmp_path / "out.safetensors")
    assert torch.equal(ours.probabilities(images), theirs.probabilities(images))
    assert theirs.info == replace(FITTED, data="folder:animals") and theirs.info.digest


def test_what_torchvision_lacks_and_strokes_on_black_are_said(tmp_path):
    info = replace(DIGITS, arch="resnet20", stem="cifar", shortcut="A")
    save_model(tmp_path / "small.safetensors", ResNet(NetworkSpec("resnet20")), info)
    export(tmp_path / "small.safetensors", tmp_path / "out.safetensors")
    told = metadata(tmp_path / "out.safetensors")
    assert "torchvision has no such network" in told["loads_in"] and "light strokes on black" in told["input"]
    assert told["output"].endswith("softmax(logits) are probabilities, not calibrated")
    assert load(tmp_path / "out.safetensors").info.arch == "resnet20"


def test_a_weight_too_large_for_the_precision_is_a_sentence(tmp_path, capsys):
    model = ResNet(NetworkSpec("resnet20"))
    with torch.no_grad():
        model.fc.weight[0, 0] = 1e5
    save_model(tmp_path / "large.safetensors", model, replace(DIGITS, arch="resnet20", stem="cifar", shortcut="A"))
    assert export(tmp_path / "large.safetensors", tmp_path / "out.safetensors", "--precision", "float16") == 1
    assert "too large for float16. Choose bfloat16 or float32" in capsys.readouterr().err
    assert not (tmp_path / "out.safetensors").exists()
    assert export(tmp_path / "large.safetensors", tmp_path / "out.safetensors", "--precision", "bfloat16") == 0


def test_a_run_is_not_written_over(run, capsys):
    before = run.model_path.read_bytes()
    run.epochs_path.mkdir()
    for target in (run.model_path, run.epochs_path / "out.safetensors"):
        assert export(run.path, target, "--precision", "float16") == 2
        assert "lies in the folder of the run '20260101-first'" in capsys.readouterr().err
    assert run.model_path.read_bytes() == before


def test_what_is_no_checkpoint_or_cannot_be_written_is_a_sentence(run, tmp_path, capsys):
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    for source, target, sentence in (
        (tmp_path / "nothing", "out", "There is no checkpoint 'nothing'."),
        (tmp_path / "foreign.safetensors", "out", "was not written by resnet_demo"),
        (run.path, "nowhere/out", "nowhere/out' cannot be written (No such file or directory)."),
    ):
        assert export(source, tmp_path / target) == 1
        assert sentence in capsys.readouterr().err

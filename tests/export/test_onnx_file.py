"""An ONNX file gives what the network gives, for any number of images, and says what it takes."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from resnet_demo import load
from resnet_demo.cli.main import main
from resnet_demo.models.checkpoint import save_model
from resnet_demo.models.checkpoint_info import Calibration
from resnet_demo.models.resnet import NetworkSpec, ResNet
from tests.support.checkpoints import DIGITS, INFO, network

ROOT = Path(__file__).parents[2]
CHECKPOINTS = {
    "animals": (network(), replace(INFO, calibration=Calibration(90, 0.2, 0.2, 0.1))),  # of a low temperature
    "mirrored": (network(1), replace(INFO, flip_averaging=True, calibration=Calibration(90, 0.2, 0.2, 0.1))),
    "strokes": (ResNet(NetworkSpec("resnet20")).eval(), replace(DIGITS, arch="resnet20", stem="cifar", shortcut="A")),
}


def export(*arguments) -> int:
    return main(["export", "--format", "onnx", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module", params=CHECKPOINTS)
def exported(request, tmp_path_factory):
    """The checkpoint, loaded, and an onnxruntime session of its ONNX file."""
    folder = tmp_path_factory.mktemp(request.param)
    save_model(folder / "network.safetensors", *CHECKPOINTS[request.param])
    assert export(folder / "network.safetensors", folder / "network.onnx") == 0
    assert sorted(path.name for path in folder.iterdir()) == ["network.onnx", "network.safetensors"]  # one file
    return load(folder / "network.safetensors"), onnxruntime.InferenceSession(folder / "network.onnx")


@pytest.mark.parametrize("count", [1, 2, 37])
def test_onnxruntime_gives_what_torch_gives(exported, count):
    ours, theirs = exported
    generator = torch.Generator().manual_seed(count)
    images = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    (found,) = theirs.run(None, {"images": images.numpy()})
    expected = ours.probabilities(images).numpy()
    assert found.shape == expected.shape and found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-4
    assert expected.std() > 0.01  # they are not all alike


def test_the_file_says_what_it_takes_and_gives(exported):
    ours, theirs = exported
    (given,), (taken,) = theirs.get_outputs(), theirs.get_inputs()
    assert (taken.name, taken.type, taken.shape) == ("images", "tensor(uint8)", ["batch", 3, 32, 32])
    assert (given.name, given.type, given.shape) == (
        "probabilities",
        "tensor(float)",
        ["batch", len(ours.info.classes)],
    )
    told = theirs.get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == list(ours.info.classes) and json.loads(told["arch"]) == ours.info.arch
    assert told["input"].startswith("uint8 (N, 3, 32, 32), RGB 0..255, normalised inside; the largest centred square")
    assert ("light strokes on black" in told["input"]) == ours.info.light_on_dark
    assert ("not calibrated" in told["output"]) == (ours.info.calibration is None)
    assert "/srv" not in "".join(told.values())


def test_it_names_no_folder_of_this_machine(exported):
    """torch.onnx writes into each node where its code stands."""
    content = Path(exported[1]._model_path).read_bytes()
    assert [name for name in (str(ROOT), "onnx_file.py") if name.encode() in content] == []


def test_a_missing_package_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert export(tmp_path / "network.safetensors", tmp_path / "out.onnx") == 1
    assert capsys.readouterr().err == "resnet_demo: An ONNX file needs one more package: pip install onnxscript\n"


def test_a_network_whose_answer_is_no_number_is_refused(tmp_path, capsys):
    model, info = ResNet(NetworkSpec("resnet20")), CHECKPOINTS["strokes"][1]
    with torch.no_grad():
        model.fc.bias[0] = torch.nan
    save_model(tmp_path / "network.safetensors", model, info)
    assert export(tmp_path / "network.safetensors", tmp_path / "out.onnx") == 1
    assert "answer is not a number" in capsys.readouterr().err and not (tmp_path / "out.onnx").exists()


def test_another_precision_is_a_wrong_call(tmp_path, capsys):
    assert export(tmp_path / "network.safetensors", tmp_path / "out.onnx", "--precision", "float16") == 2
    assert "float32 alone" in capsys.readouterr().err

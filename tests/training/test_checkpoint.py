"""What is saved comes back; what is not ours, not whole or hostile becomes one sentence, and its code never runs."""

import os
import pickle
import struct
from contextlib import suppress
from dataclasses import replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from resnet_demo.models.checkpoint import cast_weights, load_model, load_weights, save_model, save_weights
from resnet_demo.models.checkpoint_info import WITHOUT_DIGEST, Calibration, CheckpointError, ModelInfo, read_model_info
from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.training.resume_state import load_state, save_state
from tests.support.checkpoints import INFO, network
from tests.support.states import differences


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.safetensors"
    save_model(path, network(), INFO)
    return path


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def one_sentence(error) -> bool:
    text = str(error.value)
    return text.endswith(".") and "\n" not in text and "Traceback" not in text


def test_a_model_comes_back_as_it_was(saved):
    model, info = load_model(saved)
    assert info == INFO == read_model_info(saved)
    assert not model.training
    wanted = network().state_dict()
    found = model.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_its_calibration_comes_back_and_an_older_file_has_none(tmp_path):
    path, fitted = tmp_path / "m.safetensors", Calibration(2000, 0.71, 0.069, 0.012)
    save_model(path, network(), replace(INFO, held_out=2000, calibration=fitted))
    info = read_model_info(path)
    assert (info.calibration, info.held_out, info.temperature) == (fitted, 2000, 0.71)
    older = {k: v for k, v in info.to_metadata().items() if k not in ("held_out", "calibration")}
    info = ModelInfo.from_metadata({**older, "digest": ""})
    assert (info.calibration, info.held_out, info.temperature) == (None, None, 1.0)


@pytest.mark.parametrize("temperature", ["0.0", "1e-300", "-1.0", "NaN", "1e400", '"1"', "null", "[1.0]"])
def test_a_calibration_that_cannot_be_is_damage(temperature):
    fitted = f'{{"images": 9, "temperature": {temperature}, "error_before": 0.1, "error_after": 0.1}}'
    for text in (fitted, "7", "[]", "{}", '{"images": 1}'):
        metadata = {**INFO.to_metadata(), "digest": "", "calibration": text}
        with pytest.raises(CheckpointError, match="description is damaged"):
            ModelInfo.from_metadata(metadata)


@pytest.mark.parametrize("text", ["1", "null", '"yes"', "[true]"])
def test_flip_averaging_is_yes_or_no_and_an_older_file_has_none(text):
    metadata = {**INFO.to_metadata(), "digest": ""}
    with pytest.raises(CheckpointError, match="description is damaged"):
        ModelInfo.from_metadata({**metadata, "flip_averaging": text})
    del metadata["flip_averaging"]
    assert ModelInfo.from_metadata(metadata).flip_averaging is False


def test_channels_last_weights_are_saved_too(tmp_path):
    model = network(seed=1).to(memory_format=torch.channels_last)
    save_model(tmp_path / "m.safetensors", model, INFO)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(load_model(tmp_path / "m.safetensors")[0](images), model(images), atol=1e-5)


def test_not_yet_measured_stays_unknown(tmp_path):
    save_model(tmp_path / "m.safetensors", torch.nn.Linear(2, 2), replace(INFO, accuracy=None))
    assert read_model_info(tmp_path / "m.safetensors").accuracy is None


def test_saving_over_an_old_one_leaves_no_other_file(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, network(), INFO)
    save_model(path, network(), replace(INFO, epoch=3))
    assert read_model_info(path).epoch == 3
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 500, 20_000, 1_000_000, -1])
def test_a_cut_file_is_refused(saved, tmp_path, size):
    path = tmp_path / "model.safetensors"
    path.write_bytes(saved.read_bytes()[:size])
    for read in (load_model, read_model_info):
        with pytest.raises(CheckpointError, match="not a whole safetensors file") as error:
            read(path)
        assert one_sentence(error)


def test_a_pickle_by_that_name_is_not_unpickled(tmp_path):
    trap, path = tmp_path / "sprung", tmp_path / "model.safetensors"
    for content in (pickle.dumps(Trap(trap)), pickle.dumps({"model": Trap(trap)}, protocol=0)):
        path.write_bytes(content)
        with pytest.raises(CheckpointError) as error:
            load_model(path)
        assert one_sentence(error)
    torch.save({"model": Trap(trap)}, path)
    with pytest.raises(CheckpointError):
        load_model(path)
    assert not trap.exists()


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 64) + b'{"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4]}}    ' + b"0000",
        b"PK\x03\x04" + b"\0" * 100,
    ],
    ids=["endless header", "no object", "shape beyond its bytes", "zip"],
)
def test_a_lying_header_is_refused(tmp_path, content):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError) as error:
        load_model(path)
    assert one_sentence(error)


def test_a_strangers_file_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    for metadata in (None, {"format": "pt"}):
        save_file({"weight": torch.zeros(2)}, path, metadata=metadata)
        with pytest.raises(CheckpointError, match="not written by resnet_demo"):
            load_model(path)


def test_a_newer_format_says_update(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata={**INFO.to_metadata(), "format": "resnet_demo-3"})
    with pytest.raises(CheckpointError, match="newer version of resnet_demo"):
        load_model(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": '["only one"]'},
        {"classes": "[1, 2]"},
        {"classes": "[[[["},
        {"std": "[0, 1, 1]"},
        {"mean": "[0.1]"},
        {"mean": "null"},
        {"classes": '"ab"'},
        {"accuracy": '"high"'},
        {"epoch": "true"},
        {"arch": "{}"},
        {"shortcut": "[]"},
        {"shortcut": "null"},
    ],
    ids=repr,
)
def test_a_damaged_description_is_refused(tmp_path, changes):
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata={**INFO.to_metadata(), "digest": "0", **changes})
    with pytest.raises(CheckpointError, match="description is damaged"):
        load_model(path)


@pytest.mark.parametrize(
    "unknown",
    [
        {"arch": '"resnet21"'},
        {"shortcut": '"D"'},
        {"shortcut": '"none"'},
        {"arch": '"../resnet18"'},
        {"stem": '"none"'},
    ],
    ids=repr,
)
def test_a_network_that_is_not_known_is_refused_from_the_header(tmp_path, unknown):
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata={**INFO.to_metadata(), "digest": "0", **unknown})
    with pytest.raises(CheckpointError, match="none that this version"):
        read_model_info(path)


def test_a_file_that_names_no_shortcuts_has_those_of_its_time(tmp_path):
    path, metadata = tmp_path / "model.safetensors", INFO.to_metadata()
    del metadata["shortcut"]
    metadata["format"] = WITHOUT_DIGEST
    save_file(network().state_dict(), path, metadata=metadata)
    model, info = load_model(path)
    assert info == INFO and model.spec.shortcut == "B"


@pytest.mark.parametrize("arch", ["resnet20", "plain20", "resnet50_article"])
def test_every_kind_of_network_is_read_as_it_was_written(tmp_path, arch):
    path, model = tmp_path / "model.safetensors", ResNet(NetworkSpec(arch, num_classes=4)).eval()
    info = replace(INFO, arch=arch, stem=model.spec.stem, shortcut=model.spec.shortcut)
    save_model(path, model, info)
    read, said = load_model(path)
    x = torch.randn(2, 3, 32, 32)
    assert said == info and read.spec == model.spec
    torch.testing.assert_close(read(x), model(x))


def test_a_missing_description_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    metadata = INFO.to_metadata()
    del metadata["classes"]
    save_file({"weight": torch.zeros(2)}, path, metadata=metadata)
    with pytest.raises(CheckpointError, match="description is damaged"):
        load_model(path)


@pytest.mark.parametrize(
    "info",
    [
        replace(INFO, classes=("a", "b", "c")),
        replace(INFO, arch="resnet50"),
        replace(INFO, stem="cifar"),
        replace(INFO, shortcut="A"),
    ],
    ids=["classes", "depth", "other stem", "other shortcuts"],
)
def test_weights_that_do_not_fit_are_refused(tmp_path, info):
    path = tmp_path / "model.safetensors"
    save_model(path, network(), info)
    with pytest.raises(CheckpointError, match="do not fit") as error:
        load_model(path)
    assert one_sentence(error)


@pytest.mark.parametrize("fc", [torch.zeros(4, 512), torch.zeros(()), None])
def test_no_network_is_built_for_classes_that_the_weights_have_not(tmp_path, monkeypatch, fc):
    """A header of a million classes would take gigabytes."""
    monkeypatch.setattr("resnet_demo.models.checkpoint.ResNet", lambda spec: pytest.fail("built"))
    path = tmp_path / "model.safetensors"
    weights = {"conv1.weight": torch.zeros(1), **({} if fc is None else {"fc.weight": fc})}
    save_weights(path, weights, replace(INFO, classes=tuple(f"class {number}" for number in range(5))))
    with pytest.raises(CheckpointError, match="do not fit"):
        load_model(path)


def test_missing_extra_and_renamed_tensors_are_refused(tmp_path):
    path, whole = tmp_path / "model.safetensors", network().state_dict()
    without = {name: tensor for name, tensor in whole.items() if name != "fc.bias"}
    for tensors in (without, {**whole, "more": torch.zeros(1)}, {f"module.{name}": t for name, t in whole.items()}):
        save_file(tensors, path, metadata={**INFO.to_metadata(), "format": WITHOUT_DIGEST})
        with pytest.raises(CheckpointError, match="do not fit"):
            load_model(path)


@pytest.fixture
def small(tmp_path):
    """A checkpoint of a few tensors, of more than one kind and size."""
    path = tmp_path / "small.safetensors"
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    save_model(path, network.to(memory_format=torch.channels_last), INFO)
    return path


def test_no_flipped_bit_of_a_checkpoint_goes_unnoticed(small):
    whole = small.read_bytes()
    weights, info = load_weights(small)
    assert len(info.digest) == 64 and len(weights) == 7
    unnoticed = []
    for place in range(len(whole)):  # one bit of every byte: weights, their names and shapes, the description
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        small.write_bytes(damaged)
        with suppress(CheckpointError):
            same = load_weights(small)[1]
            unnoticed.append((place, whole[place : place + 1], same))
    assert unnoticed == []


@pytest.mark.parametrize("gone", ["digest", "format"])
def test_a_digest_that_is_gone_is_damage(small, gone):
    with safe_open(small, "pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    del metadata[gone]
    save_file(tensors, small, metadata=metadata)
    with pytest.raises(CheckpointError):
        load_weights(small)


def test_what_is_no_file_is_refused(tmp_path):
    for path in (tmp_path / "nothing.safetensors", tmp_path):
        with pytest.raises(CheckpointError) as error:
            load_model(path)
        assert one_sentence(error)


# --- the state that continuing takes --------------------------------------------------------------------------


def test_a_state_comes_back_as_it_was(tmp_path):
    state = {"step": 3, "weights": {"a": torch.arange(4.0)}, "none": None, "list": [1, 2.5, "text"]}
    save_state(tmp_path / "resume.pt", state)
    found = load_state(tmp_path / "resume.pt")
    assert torch.equal(found["weights"]["a"], state["weights"]["a"])
    assert {**found, "weights": 0} == {**state, "weights": 0}


@pytest.mark.parametrize("save", ["torch.save", "old torch.save", "pickle", "pickle protocol 0"])
def test_a_state_that_would_run_code_is_refused(tmp_path, save):
    trap, path = tmp_path / "sprung", tmp_path / "resume.pt"
    state = {"step": 3, "optimizer": Trap(trap)}
    if "torch" in save:
        torch.save(state, path, _use_new_zipfile_serialization=save == "torch.save")
    else:
        path.write_bytes(pickle.dumps(state, protocol=0 if "0" in save else None))
    with pytest.raises(CheckpointError, match="damaged") as error:
        load_state(path)
    assert one_sentence(error)
    assert not trap.exists()


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_state_is_refused(tmp_path, share):
    path = tmp_path / "resume.pt"
    save_state(path, {"weights": torch.arange(1000.0)})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError, match="damaged"):
        load_state(path)


def test_a_state_of_another_kind_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "resume.pt")
    with pytest.raises(CheckpointError, match="damaged"):
        load_state(tmp_path / "resume.pt")
    with pytest.raises(CheckpointError, match="no saved state"):
        load_state(tmp_path / "nothing.pt")


def test_weights_at_half_the_size_load_and_answer_alike(tmp_path):
    model, images = network(), torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    save_model(tmp_path / "whole.safetensors", model, INFO)
    weights, info = load_weights(tmp_path / "whole.safetensors")
    save_weights(tmp_path / "half.safetensors", cast_weights(weights, torch.bfloat16), info)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "half")]
    assert sizes[1] < 0.51 * sizes[0]
    half, _ = load_model(tmp_path / "half.safetensors")
    with torch.no_grad():
        assert torch.allclose(half(images).softmax(1), model(images).softmax(1), atol=0.02)


def test_no_flipped_bit_of_a_state_changes_what_is_loaded(tmp_path):
    """Of the archive's own bytes some mean nothing; of the others each is noticed, flags of a tensor, too."""
    path = tmp_path / "resume.pt"
    weights = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.int64)}
    state = {"format": 4, "weights": weights, "step": 3, "rates": (0.5, None)}
    save_state(path, state)
    whole, refused, unlike = path.read_bytes(), 0, []
    for place in range(0, len(whole), 3):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            unlike += differences(load_state(path), state)
        except CheckpointError:
            refused += 1
    assert unlike == [] and refused > 50

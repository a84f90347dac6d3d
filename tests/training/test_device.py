"""In which precision a device trains, and with which kernels."""

import os
from dataclasses import replace

import pytest
import torch

from resnet_demo.runs.config import TrainConfig
from resnet_demo.training.device import DeviceChoice, DeviceError, choose_device, prepare
from resnet_demo.training.zerogpu import is_zerogpu


@pytest.fixture
def card(monkeypatch):
    """`card((7, 5))`: as if a GPU of this compute capability were there."""

    def there(capability):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "GPU")
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: capability >= (8, 0))
        monkeypatch.setattr(torch.cuda, "set_device", lambda index: None)

    return there


@pytest.mark.parametrize(
    ("capability", "precision"),
    [((9, 0), torch.bfloat16), ((8, 0), torch.bfloat16), ((7, 5), torch.float16), ((6, 1), torch.float32)],
)
def test_a_card_trains_in_what_it_multiplies_natively(card, capability, precision):
    card(capability)
    assert choose_device().precision is precision
    assert choose_device(precision="float32").precision is torch.float32


def test_float16_is_refused_where_its_loss_cannot_be_scaled():
    with pytest.raises(DeviceError, match="float16 is for CUDA devices, not for 'cpu'"):
        choose_device("cpu", "float16")


@pytest.mark.parametrize("instruction", ["avx512_bf16", "amx_bf16", None])
def test_an_older_pytorch_tells_what_the_cpu_can_do_as_well(monkeypatch, instruction):
    """2.10, which has no torch.cpu.get_capabilities."""
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instruction == "avx512_bf16")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: instruction == "amx_bf16")
    wanted = torch.bfloat16 if instruction and torch.backends.mkldnn.is_available() else torch.float32
    assert choose_device("cpu").precision is wanted


def test_on_cuda_no_converted_weight_is_kept_for_another_use(monkeypatch):
    """What a recorded step would read later, where by then something else is."""
    asked = []
    monkeypatch.setattr(torch, "autocast", lambda *kind, **how: asked.append((*kind, how)))
    for kind in ("cuda", "cpu"):
        DeviceChoice(torch.device(kind), "", "", torch.bfloat16).autocast()
    assert [(kind, how["cache_enabled"]) for kind, _, how in asked] == [("cuda", False), ("cpu", True)]


def test_deterministic_kernels_are_asked_for_by_the_run_and_on_cuda_alone(card, monkeypatch):
    asked = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", asked.append)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    wanted = replace(TrainConfig(), deterministic=True)
    prepare(replace(wanted, device="cpu"))
    card((9, 0))
    prepare(TrainConfig())
    assert not asked and torch.backends.cudnn.benchmark
    prepare(wanted)
    assert asked == [True] and not torch.backends.cudnn.benchmark
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")


@pytest.mark.parametrize(("variables", "expected"), [({"SPACES_ZERO_GPU": "true"}, True), ({}, False)])
def test_a_gpu_that_is_lent_is_not_taken_for_one_that_is_there(variables, expected):
    assert is_zerogpu(variables) == expected

"""What the worker takes of the machine: read from the system, and from CUDA only where it trains there."""

import time
from dataclasses import fields

import pytest
import torch

from resnet_demo.runs.worker_files import Progress
from resnet_demo.workers.machine_load import MachineLoad

CUDA = torch.device("cuda")


@pytest.fixture
def counters(monkeypatch):
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 3_000_000_000)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 5_000_000_000)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())


def test_a_busy_process_is_seen_to_be_busy():
    load = MachineLoad()
    until = time.process_time() + 0.2
    while time.process_time() < until:
        pass
    told = load.read(torch.device("cpu"))
    assert told["cpu_percent"] > 0 and told["memory_bytes"] > 50e6 and len(told) == 2


def test_on_cuda_its_own_counters_are_told(counters, monkeypatch):
    monkeypatch.setattr(torch.cuda, "utilization", lambda device: 93)
    told = MachineLoad().read(CUDA)
    assert (told["gpu_percent"], told["gpu_memory_bytes"], told["gpu_memory_peak_bytes"]) == (93, 3e9, 5e9)
    assert set(told) <= {field.name for field in fields(Progress)}


def test_a_driver_that_does_not_tell_is_asked_once(counters, monkeypatch):
    asked = []

    class NVMLError(Exception):
        """As pynvml's, which are no RuntimeErrors."""

    def refuse(device):
        asked.append(device)
        raise NVMLError

    monkeypatch.setattr(torch.cuda, "utilization", refuse)
    load = MachineLoad()
    assert "gpu_percent" not in load.read(CUDA) and "gpu_percent" not in load.read(CUDA)
    assert len(asked) == 1 and load.read(CUDA)["gpu_memory_bytes"] == 3e9

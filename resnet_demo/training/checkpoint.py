"""Weights for inference (safetensors) and the state that continuing takes (tensors and plain types only)."""

import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from resnet_demo.files import replace_file
from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.training.model_info import CheckpointError, ModelInfo, read_model_info


def save_model(path: Path, model: nn.Module, info: ModelInfo) -> None:
    """Write weights and buffers for inference, whole or not at all. Raises OSError."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    try:
        replace_file(path, lambda temporary: save_file(tensors, temporary, metadata=info.to_metadata()))
    except SafetensorError as error:  # how the library reports a failed write
        raise OSError(f"'{path.name}' could not be written: {error}") from error


def load_weights(path: Path) -> tuple[dict[str, torch.Tensor], ModelInfo]:
    """Weights and buffers by name, on the CPU. Raises CheckpointError."""
    info = read_model_info(path)
    try:
        return load_file(path), info
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"The weights in '{path.name}' cannot be read.") from error


def load_model(path: Path) -> tuple[ResNet, ModelInfo]:
    """The network with its weights, on the CPU and ready to answer. Raises CheckpointError."""
    weights, info = load_weights(path)
    try:
        model = ResNet(NetworkSpec(info.arch, info.stem, len(info.classes)))
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(f"The weights in '{path.name}' do not fit the network it names.") from error
    return model.to(memory_format=torch.channels_last).eval(), info


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a Trainer's state, whole or not at all. Raises OSError."""
    try:
        replace_file(path, lambda temporary: torch.save(state, temporary))
    except RuntimeError as error:  # torch reports a failed write so
        raise OSError(f"'{path.name}' could not be written: {error}") from error


DAMAGE = (  # what torch.load raises on a file that is spoiled somewhere
    RuntimeError, OSError, EOFError, ValueError, LookupError, AttributeError, TypeError, OverflowError, struct.error,
    zlib.error, pickle.UnpicklingError, zipfile.BadZipFile,
)  # fmt: skip


def _check_sums(path: Path) -> None:
    """torch.load takes a tensor with overwritten bytes for a whole one. Raises one of DAMAGE."""
    with zipfile.ZipFile(path) as state:
        if state.testzip():
            raise zipfile.BadZipFile("a wrong checksum")


def load_state(path: Path) -> dict[str, Any]:
    """Read a Trainer's state without unpickling anything but tensors and plain types. Raises CheckpointError."""
    try:
        _check_sums(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError("This run has no saved state to continue from.") from error
    except DAMAGE as error:
        raise CheckpointError("This run's saved state is damaged and cannot be continued.") from error
    if not isinstance(state, dict):
        raise CheckpointError("This run's saved state is damaged and cannot be continued.")
    return state

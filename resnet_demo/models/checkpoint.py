"""Weights for inference (safetensors) and the state that continuing takes (tensors and plain types only)."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from resnet_demo.files import replace_file
from resnet_demo.models.checkpoint_info import CheckpointError, ModelInfo, read_model_info
from resnet_demo.models.resnet import NetworkSpec, ResNet


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

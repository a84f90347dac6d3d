"""Weights for inference (safetensors) and the state that continuing takes (tensors and plain types only)."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from resnet_demo.files import os_error_behind, replace_file
from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import WITHOUT_DIGEST, CheckpointError, ModelInfo, open_checkpoint
from resnet_demo.models.digest import digest
from resnet_demo.models.resnet import ResNet


def save_model(path: Path, model: nn.Module, info: ModelInfo) -> None:
    """Write weights and buffers for inference, whole or not at all. Raises OSError."""
    save_weights(path, model.state_dict(), info)


def save_weights(
    path: Path, weights: dict[str, torch.Tensor], info: ModelInfo, notes: dict[str, str] | None = None
) -> None:
    """The same of weights and buffers by name, with the digest that `load_weights` compares. `notes` are more metadata,
    for people: no reader needs them."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in weights.items()}
    metadata = {**(notes or {}), **info.to_metadata()}
    metadata["digest"] = digest([metadata, tensors])
    try:
        replace_file(path, lambda temporary: save_file(tensors, temporary, metadata=metadata))
    except SafetensorError as error:  # how the library reports a failed write
        raise os_error_behind(error, path) from error


def cast_weights(weights: dict[str, torch.Tensor], precision: torch.dtype) -> dict[str, torch.Tensor]:
    """Weights for files that travel, at half the size in bfloat16 or float16: convolutions and the classifier in
    `precision`; norms and biases, a thousandth of them, as they are."""
    return {
        name: tensor.to(precision) if tensor.is_floating_point() and tensor.ndim > 1 else tensor
        for name, tensor in weights.items()
    }


def load_weights(path: Path) -> tuple[dict[str, torch.Tensor], ModelInfo]:
    """Weights and buffers by name, on the CPU, and what the file says of them, which its digest proves; files of before
    have none (`info.digest` is ''). Raises CheckpointError."""
    with open_checkpoint(path, "pt") as file:
        metadata = file.metadata()
        info = ModelInfo.from_metadata(metadata)
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    described = {name: text for name, text in metadata.items() if name != "digest"}
    if metadata["format"] != WITHOUT_DIGEST and info.digest != digest([described, weights]):
        raise CheckpointError(
            t(
                "'{file}' is damaged: its weights or their description are not as they were saved. Take another "
                "checkpoint, or a copy of this one.",
                file=path.name,
            )
        )
    return weights, info


def load_model(path: Path) -> tuple[ResNet, ModelInfo]:
    """The network with its weights, on the CPU and ready to answer. Raises CheckpointError."""
    weights, info = load_weights(path)
    try:
        _refuse_other_classes(weights, info)  # first: a classifier of a million classes takes gigabytes
        model = ResNet(info.network())
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(t("The weights in '{file}' do not fit the network it names.", file=path.name)) from error
    return model.to(memory_format=torch.channels_last).eval(), info


def _refuse_other_classes(weights: dict[str, torch.Tensor], info: ModelInfo) -> None:
    """Raises RuntimeError, as `load_state_dict` does, where the classifier is not of as many classes as are named."""
    if "fc.weight" not in weights or weights["fc.weight"].shape[:1] != (len(info.classes),):
        raise RuntimeError("the classifier has other classes")

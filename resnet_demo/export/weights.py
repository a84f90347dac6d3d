"""Weights with torchvision's names, in the precision that is wanted: a checkpoint of ours that other programs load."""

from pathlib import Path

import torch

from resnet_demo.export.contract import ExportError, notes, travelling
from resnet_demo.models.checkpoint import cast_weights, load_weights, save_weights


def export_weights(checkpoint: Path, output: Path, precision: str = "float32") -> None:
    """Write `output`, a safetensors file whose metadata say what the network takes and gives.

    `resnet_demo.load` reads it, too. Raises CheckpointError for what is no checkpoint of ours, ExportError where a
    weight does not fit the precision, OSError where the file cannot be written.
    """
    weights, info = load_weights(checkpoint)
    cast = cast_weights(weights, getattr(torch, precision))
    if any(tensor.isfinite().logical_not().any() for tensor in cast.values()):
        raise ExportError(
            f"A weight of '{checkpoint.name}' is not a number, or too large for {precision}. Choose bfloat16 or "
            "float32, or another checkpoint."
        )
    info = travelling(info)
    save_weights(output, cast, info, notes(info))

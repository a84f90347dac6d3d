"""resume.pt: the state that continuing a run takes, in tensors and plain types only."""

import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from resnet_demo.files import os_error_behind, replace_file
from resnet_demo.models.checkpoint_info import CheckpointError


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a Trainer's state, whole or not at all. Raises OSError."""
    try:
        replace_file(path, lambda temporary: _write(state, temporary))
    except RuntimeError as error:  # torch reports a failed write so
        raise os_error_behind(error, path) from error


def _write(state: dict[str, Any], path: Path) -> None:
    """Through a file of Python's: of one that torch opens by itself it does not say why a write failed."""
    with path.open("wb") as file:
        torch.save(state, file)


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

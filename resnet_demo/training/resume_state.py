"""resume.pt: the state that continuing a run takes, in tensors and plain types only, with a digest of all of them."""

import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import torch

from resnet_demo.files import os_error_behind, replace_file
from resnet_demo.models.checkpoint_info import CheckpointError
from resnet_demo.models.digest import digest

WITHOUT_DIGEST = (1, 2, 3)  # the formats of before
SPOILED = "This run's saved state is damaged and cannot be continued."


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a Trainer's state, whole or not at all. Raises OSError."""
    signed = {**state, "digest": digest(state)}
    try:
        replace_file(path, lambda temporary: _write(signed, temporary))
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


def load_state(path: Path) -> dict[str, Any]:
    """Read a Trainer's state without unpickling anything but tensors and plain types. Raises CheckpointError."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        is_whole = isinstance(state, dict) and _is_whole(path, state)
    except FileNotFoundError as error:
        raise CheckpointError("This run has no saved state to continue from.") from error
    except DAMAGE as error:
        raise CheckpointError(SPOILED) from error
    if not is_whole:
        raise CheckpointError(SPOILED)
    return state


def _is_whole(path: Path, state: dict[str, Any]) -> bool:
    """Whether the state is what was saved: torch.load takes overwritten numbers, or a flipped flag that makes it read
    no numbers at all, for a whole tensor. Takes the digest out. May raise one of DAMAGE."""
    if state.get("format") in WITHOUT_DIGEST:  # only the archive's own checksums, which know the numbers alone
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    return state.pop("digest", None) == digest(state)

"""The one checksum of what is saved: of a checkpoint's weights and description, of the state to resume from, of the
decoded images. It is taken of the values in memory, so that it covers what a library reads from the file, too."""

import hashlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor


def digest(value: Any) -> str:
    """SHA-256 in hexadecimal of nested dicts and lists of tensors and plain types: names, dtypes, shapes and values.

    The order of a dict's keys, the tensors' memory layout and their device do not matter, nor does whether a sequence
    is a list or a tuple: a file may not keep them.
    """
    hashed = hashlib.sha256()
    for part in _parts(value):
        hashed.update(part)
    return hashed.hexdigest()


def _parts(value: Any) -> Iterator[Any]:
    """Bytes that differ where the values do. A header says how much follows it, so no two values run together."""
    match value:
        case Tensor():
            yield f"{value.dtype} {tuple(value.shape)};".encode()
            yield value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        case dict():
            yield f"dict {len(value)};".encode()
            for name in sorted(value, key=repr):
                yield f"{name!r};".encode()
                yield from _parts(value[name])
        case list() | tuple():
            yield f"list {len(value)};".encode()
            for item in value:
                yield from _parts(item)
        case _:
            yield f"{value!r};".encode()

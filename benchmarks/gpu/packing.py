"""What comes back: at most eight files of at most 16 MiB. Everything small in one archive, weights in pieces."""

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import torch

from resnet_demo.files import replace_file
from resnet_demo.models.checkpoint import cast_weights, load_weights, save_weights

PIECE_BYTES = 15_000_000
PIECES = 5  # beside the table, the log and the archive
LOG_BYTES = 12_000_000
SMALL_BYTES = 3_000_000  # weights up to this size travel in the archive
FIRST = ("accurate", "small", "minute")  # whose weights are worth the most
TABLE, LOG, ARCHIVE = "report.md", "log.txt", "details.tar.gz"


def write_tables(output: Path, text: str) -> None:
    _replace(output / TABLE, text.encode())


def _replace(path: Path, content: bytes) -> None:
    """The process may be killed at any moment: the old file stays until the new one is whole."""
    replace_file(path, lambda temporary: temporary.write_bytes(content))


def pack(work: Path, output: Path) -> list[str]:
    """Everything that the parts have left in `work`; returns what was left out, as sentences."""
    log = b"".join(f"\n===== {path.stem}\n".encode() + path.read_bytes() for path in sorted(work.glob("*.log")))
    _replace(output / LOG, log[-LOG_BYTES:])
    packed = work / ARCHIVE
    with tarfile.open(packed, "w:gz") as archive:
        for path in sorted([*work.glob("*.md"), *work.glob("*.json")]):
            archive.add(path, path.name)
        for path in sorted((work / "runs").rglob("*")):
            if path.is_file() and path.suffix in (".json", ".jsonl", ".log"):
                archive.add(path, str(path.relative_to(work)))
        pieces, left_out = _pack_weights(work, archive)
    _replace(output / ARCHIVE, packed.read_bytes())
    for old in set(output.glob("*.piece*")) - {output / name for name in pieces}:
        old.unlink()
    for name, piece in pieces.items():
        _replace(output / name, piece)
    return left_out


def _pack_weights(work: Path, archive: tarfile.TarFile) -> tuple[dict[str, bytes], list[str]]:
    """Each run's weights in bfloat16, in the archive where they are small and elsewhere in pieces by their names, as
    far as there is room; and a sentence for those that there is no room for."""
    packed: dict[str, bytes] = {}
    left_out = []
    for part in FIRST:
        for path in sorted((work / "runs" / part).rglob("model.safetensors")):
            narrow = narrowed(path)
            name = str(narrow.relative_to(work))
            if narrow.stat().st_size <= SMALL_BYTES:
                archive.add(narrow, name)
                continue
            pieces = list(split(narrow, name))
            if len(packed) + len(pieces) > PIECES:
                left_out.append(f"There is no room for the weights of {name}.")
                continue
            packed |= {
                f"{part}-{path.parent.name}.piece{number}": piece for number, piece in enumerate(pieces, start=1)
            }
    return packed, left_out


def narrowed(path: Path) -> Path:
    """The same checkpoint beside it at half the size."""
    weights, info = load_weights(path)
    beside = path.with_name("model.bfloat16.safetensors")
    save_weights(beside, cast_weights(weights, torch.bfloat16), info)
    return beside


def split(path: Path, name: str) -> Iterator[bytes]:
    """Pieces that say of themselves, in a first line of JSON, whose they are and which."""
    whole = path.read_bytes()
    parts = [whole[start : start + PIECE_BYTES] for start in range(0, len(whole), PIECE_BYTES)]
    for number, part in enumerate(parts):
        head = {
            "file": name,
            "piece": number,
            "pieces": len(parts),
            "sha256": hashlib.sha256(part).hexdigest(),
            "whole_sha256": hashlib.sha256(whole).hexdigest(),
        }
        yield json.dumps(head).encode() + b"\n" + part

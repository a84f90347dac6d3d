"""Pieces of weights from a GPU -> a run directory.

    python -m benchmarks.gpu.join DIR/accurate-….piece* DIR/details.tar.gz --output checkpoints/RUN

The pieces in any order, all of one run. With the archive the run's settings and log are put beside its weights. Every
piece and the whole are checked by SHA-256 before anything is written.
"""

import argparse
import hashlib
import json
import sys
import tarfile
from pathlib import Path, PurePosixPath


class PieceError(RuntimeError):
    """Pieces that cannot be joined: a sentence for people."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.join", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "parts", nargs="+", type=Path, metavar="PART", help="pieces of one run's weights, and details.tar.gz"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="RUN_DIR", help="a new folder")
    options = parser.parse_args(arguments)
    try:
        archives = [path for path in options.parts if path.name.endswith(".tar.gz")]
        name, weights = joined([path for path in options.parts if path not in archives])
        options.output.mkdir(parents=True)
        (options.output / "model.safetensors").write_bytes(weights)
        for archive in archives:
            unpack_run(archive, str(PurePosixPath(name).parent), options.output)
    except (PieceError, OSError) as error:
        print(f"join: {error}", file=sys.stderr)
        return 1
    print(f"{len(weights):,} bytes of weights of {name}, every piece as it was sent, in {options.output}.")
    return 0


def joined(paths: list[Path]) -> tuple[str, bytes]:
    """The name that the file had, and its bytes. Raises PieceError where one is missing, foreign or changed."""
    heads, parts = {}, {}
    for path in paths:
        head, part = _read(path)
        heads[head["piece"]], parts[head["piece"]] = head, part
    if not heads:
        raise PieceError("There is no piece of weights among the files.")
    first = next(iter(heads.values()))
    if any(head["whole_sha256"] != first["whole_sha256"] for head in heads.values()):
        raise PieceError("The pieces are of different files. Name those of one run.")
    if missing := sorted(set(range(first["pieces"])) - set(heads)):
        raise PieceError(f"Of {first['pieces']} pieces these are missing: {', '.join(str(n + 1) for n in missing)}.")
    whole = b"".join(parts[number] for number in sorted(parts))
    if hashlib.sha256(whole).hexdigest() != first["whole_sha256"]:
        raise PieceError("The pieces do not make the file that was split.")
    return first["file"], whole


def _read(path: Path) -> tuple[dict, bytes]:
    line, _, part = path.read_bytes().partition(b"\n")
    try:
        head = json.loads(line)
        wanted = head["sha256"]
    except (ValueError, TypeError, KeyError) as error:
        raise PieceError(f"{path} is no piece of weights.") from error
    if hashlib.sha256(part).hexdigest() != wanted:
        raise PieceError(f"{path} is damaged. Copy it again.")
    return head, part


def unpack_run(archive: Path, folder: str, output: Path) -> None:
    """The run's small files, which the archive holds under `folder`."""
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            if member.isfile() and str(PurePosixPath(member.name).parent) == folder:
                (output / PurePosixPath(member.name).name).write_bytes(tar.extractfile(member).read())


if __name__ == "__main__":
    sys.exit(main())

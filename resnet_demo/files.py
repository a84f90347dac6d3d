"""Files that are there whole or not at all."""

import errno
import json
import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

UNFINISHED = ".part"  # ends the name of a file that is still being written
_BY_SAFETENSORS = ".tmp*"  # what it writes first beside the file that it was told to write


def replace_file(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write(temporary path)` make the file, sync it, then move it over `path`.

    A crash at any moment leaves the old file or the new one. Raises OSError (a full disk, no permission).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}{UNFINISHED}")
    try:
        write(temporary)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def os_error_behind(error: Exception, path: Path) -> OSError:
    """The system's error that made a library fail to write `path`: raised before its own, or named in its text."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return OSError(cause.errno, cause.strerror, str(path))
        cause = cause.__cause__ or cause.__context__
    found = re.search(r"os error (\d+)", str(error))  # how Rust writes it
    number = int(found[1]) if found else errno.EIO
    return OSError(number, os.strerror(number), str(path))


def replace_json(path: Path, value: dict) -> None:
    """`value` as JSON, whole or not at all."""
    replace_file(path, lambda temporary: temporary.write_text(json.dumps(value, indent=1), encoding="utf-8"))


def read_json(path: Path) -> dict | None:
    """The file's object; None where there is none, it may not be read or is damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def remove_unfinished(folder: Path, older_than_s: float = 0, but: tuple[str, ...] = ()) -> None:
    """Delete what writers that were killed have left, but for the files named in `but`. Where others may be writing at
    this moment, since there is no lock that the caller holds, the age spares theirs."""
    spared = tuple(f".{name}." for name in but)
    for path in [*folder.rglob(f".*{UNFINISHED}"), *folder.rglob(_BY_SAFETENSORS)]:
        with suppress(FileNotFoundError):  # its writer was quicker
            young = older_than_s and time.time() - path.stat().st_mtime < older_than_s
            if not young and not path.name.startswith(spared):
                path.unlink()

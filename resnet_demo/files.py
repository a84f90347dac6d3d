"""Files that are there whole or not at all, and reading what somebody else may have put in their place: a run's folder
can come from anywhere."""

import errno
import json
import os
import re
import stat
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard

MAX_JSON_BYTES = 4_000_000  # of a file that holds one object; ours have a few kB
MAX_NUMBER = 2**53  # that a float holds exactly

UNFINISHED = ".part"  # ends the name of a file that is still being written
_BY_SAFETENSORS = ".tmp*"  # what it writes first beside the file that it was told to write


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write(temporary path)` make the file, sync it, then move it over `path`.

    Its permissions are the process's usual ones, also where a library makes its files its owner's alone. A crash at any
    moment leaves the old file or the new one. Raises OSError (a full disk, no permission).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}{UNFINISHED}")
    try:
        temporary.touch()
        usual = temporary.stat().st_mode
        write(temporary)
        if temporary.stat().st_mode != usual:
            temporary.chmod(usual)
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


def replace_json(path: Path, value: dict, compact: bool = False) -> None:
    """`value` as JSON, whole or not at all; `compact` is for machines alone."""
    text = json.dumps(value, separators=(",", ":")) if compact else json.dumps(value, indent=1)
    replace_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def read_json(path: Path, most_bytes: int = MAX_JSON_BYTES) -> dict | None:
    """The file's object; None where there is none, it may not be read, is too long or damaged. Texts are as they stand
    there: a path of the server may hold bytes that are no UTF-8."""
    try:
        with open_regular(path) as file:
            read = file.read(most_bytes + 1)
        value = parse_json(read.decode("utf-8")) if len(read) <= most_bytes else None
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def open_regular(path: Path) -> BinaryIO:
    """A file to read bytes from. Raises OSError for whatever else bears its name: a folder, a link to itself, a pipe,
    which would keep its reader waiting for ever."""
    opened = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise OSError(errno.EINVAL, "this is no file", str(path))
    return os.fdopen(opened, "rb")


def parse_json(text: str) -> Any:
    """Raises ValueError for what is no JSON, or nested too deep. Knows no NaN and no infinity, which earlier versions
    wrote: they are null."""
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def is_number(value: object) -> TypeGuard[int | float]:
    """One that can be reckoned with: neither text nor NaN nor larger than any that we write."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_NUMBER


def is_count(value: object) -> TypeGuard[int]:
    """A whole number that nothing is taken from."""
    return type(value) is int and 0 <= value <= MAX_NUMBER


def remove_unfinished(folder: Path, older_than_s: float = 0, but: tuple[str, ...] = ()) -> None:
    """Delete what writers that were killed have left, but for the files named in `but`. Where others may be writing at
    this moment, since there is no lock that the caller holds, the age spares theirs."""
    spared = tuple(f".{name}." for name in but)
    for path in [*folder.rglob(f".*{UNFINISHED}"), *folder.rglob(_BY_SAFETENSORS)]:
        with suppress(FileNotFoundError):  # its writer was quicker
            young = older_than_s and time.time() - path.stat().st_mtime < older_than_s
            if not young and not path.name.startswith(spared):
                path.unlink()

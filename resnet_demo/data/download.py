"""A download that goes on where a cut connection left it, and is checked before it counts."""

import errno
import hashlib
import http.client
import time
from collections.abc import Generator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from filelock import FileLock, Timeout

from resnet_demo.data.dataset import WAITING, DataError, LoadProgress
from resnet_demo.language import t

ATTEMPTS = 3  # in a row, of which none but the first brought new bytes
TIMEOUT_S = 10.0  # of a silent server; no event comes in between
TICK_S = 0.25
CHUNK_BYTES = 1 << 18
PASSING_STATUSES = (408, 416, 425, 429)  # of the 4xx those that another attempt may answer otherwise

Download = Generator[LoadProgress, None, None]
Locking = Generator[LoadProgress, None, AbstractContextManager]


class DownloadError(DataError):
    """The network's fault, or the server's: not the disk's."""


def lock_beside(target: Path) -> Locking:
    """`with (yield from lock_beside(target))`: of all that make this file, in any process, one at a time. Makes its
    folder. Raises DataError where nothing can be written there."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Whoever drains the loading may do so in several threads.
        lock = FileLock(target.with_name(f".{target.name}.lock"), thread_local=False)
        while True:
            try:
                return lock.acquire(timeout=0)
            except Timeout:
                yield LoadProgress(WAITING, 0, 0)
                time.sleep(TICK_S)
    except OSError as error:
        raise _unwritable(target, error) from error


def download(url: str, target: Path, checksum: str, retry_wait_s: float = 1.0) -> Download:
    """Fetch `url` to `target` by way of `target`.part, which a later call continues. Call it under `lock_beside`.

    Raises DownloadError after ATTEMPTS in vain or where the checksum differs (the file is then gone), and
    DataError where the file cannot be written.
    """
    part = target.with_name(target.name + ".part")
    if not has_checksum(part, checksum):
        yield from _persist(url, part, retry_wait_s)
        if not has_checksum(part, checksum):
            part.unlink(missing_ok=True)
            raise DownloadError(
                f"What {url} sent is not the file that was asked for (its {checksum.partition(':')[0]} differs), so it "
                "was deleted. Something between here and there may have changed it."
            )
    try:
        part.replace(target)
    except OSError as error:
        raise _unwritable(target, error) from error


def has_checksum(path: Path, checksum: str) -> bool:
    """Whether the file is there and is the one that is meant; `checksum` is 'md5:…' or 'sha256:…', where the
    first digits suffice."""
    if not path.is_file():
        return False
    algorithm, _, digits = checksum.partition(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()
    return found.startswith(digits)


def _persist(url: str, part: Path, retry_wait_s: float) -> Download:
    """Attempts until the server has sent all it has. Those that bring new bytes are not held against it."""
    farthest, vain = _size(part), 0
    while True:
        yield LoadProgress("downloading", _size(part), 0)
        try:
            yield from _continue(url, part)
            return
        except (OSError, http.client.HTTPException) as error:
            vain = 1 if _size(part) > farthest else vain + 1
            farthest = max(farthest, _size(part))
            if vain == ATTEMPTS or _is_final(error):
                told = t("{url} could not be downloaded: {reason}.", url=url, reason=_reason(error))
                raise DownloadError(told) from error
        until = time.monotonic() + retry_wait_s * vain
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, TICK_S))
            yield LoadProgress("downloading", _size(part), 0)


def _continue(url: str, part: Path) -> Download:
    """One request for what is missing; from the start where the server knows no ranges."""
    have = _size(part)
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urlopen(request, timeout=TIMEOUT_S)
    except HTTPError as error:
        if error.code == 416:  # nothing lies beyond what we have, and that is not the file
            part.unlink(missing_ok=True)
        raise
    with response, _open(part, "ab" if response.status == 206 else "wb") as file:
        done = have if response.status == 206 else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else 0
        told = time.monotonic()
        while chunk := response.read1(CHUNK_BYTES):
            _write(file, chunk, part)
            done += len(chunk)
            if time.monotonic() - told >= TICK_S:
                told = time.monotonic()
                yield LoadProgress("downloading", done, total)
            if done == total:
                break
    yield LoadProgress("downloading", done, total)
    if done < total:
        raise ConnectionError("the connection was cut")


def _open(part: Path, mode: str) -> IO[bytes]:
    try:
        return part.open(mode, buffering=0)  # so that a full disk shows in write, not in close
    except OSError as error:
        raise _unwritable(part, error) from error


def _write(file: IO[bytes], chunk: bytes, part: Path) -> None:
    try:
        if file.write(chunk) < len(chunk):
            raise OSError(errno.ENOSPC, "No space left on device")
    except OSError as error:
        raise _unwritable(part, error) from error


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _is_final(error: Exception) -> bool:
    return isinstance(error, HTTPError) and 400 <= error.code < 500 and error.code not in PASSING_STATUSES


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, URLError):
        error = error.reason if isinstance(error.reason, Exception) else error
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _unwritable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{path} cannot be written: {error.strerror or error}. "
        "Make room or fix its permissions, or name another data folder."
    )

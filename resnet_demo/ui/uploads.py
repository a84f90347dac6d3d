"""The files that visitors send, and those that are made for them to download: where they lie, how much they take in
all, and how long they stay. Imports no gradio."""

import asyncio
import getpass
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from resnet_demo.errors import UserError
from resnet_demo.language import t

FOLDER_VARIABLE = "GRADIO_TEMP_DIR"  # Gradio's own: where its files lie
KEPT_S = 6 * 3600.0  # an image may wait for the next run
SWEEP_EVERY_S = 3600.0
MAX_BYTES_IN_ALL = 500_000_000
LEAST_FREE_BYTES = 2_000_000_000  # a full disk stops the training, and a checkpoint of AdamW's takes half of this
LEAST_KEPT_S = 60.0  # what is younger makes no room for others: it is being asked about
LEAST_CHARGED_BYTES = 65_536  # for a file, so that small ones are bounded in number, too


class UploadsError(UserError):
    """Why no file can be uploaded or made: a sentence for people."""


def own_folder() -> Path:
    """A folder of this user's alone, made where it is missing: below GRADIO_TEMP_DIR where that is set, else below the
    system's temporary folder. On a shared machine Gradio's usual one belongs to whoever was first.

    Raises UploadsError."""
    try:
        folder = Path(os.environ.get(FOLDER_VARIABLE) or tempfile.gettempdir()) / f"resnet_demo-{_user()}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
            raise PermissionError(0, "it belongs to somebody else")
        with tempfile.TemporaryFile(dir=folder):
            return folder.absolute()
    except OSError as error:
        raise UploadsError(
            f"Uploads cannot be kept in the temporary folder ({error.strerror or error}). Set {FOLDER_VARIABLE} to a "
            "folder that you can write to."
        ) from error


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else getpass.getuser()


class Uploads:
    """One folder of files that nobody needs for long. Safe to ask from many threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._guard = threading.Lock()
        self._promised = 0  # bytes of uploads under way

    @asynccontextmanager
    async def room_for(self, length: int) -> AsyncIterator[None]:
        """Hold room for an upload of this many bytes; the oldest files go to make it. Raises UploadsError where there
        is none."""
        await asyncio.to_thread(self._promise, length)
        try:
            yield
        finally:
            with self._guard:
                self._promised -= length

    def make_room(self) -> None:
        """Before a file is made here for somebody to download. Raises UploadsError where there is none."""
        self._promise(0)

    def _promise(self, length: int) -> None:
        with self._guard:
            if self._free_bytes() < LEAST_FREE_BYTES + length:
                raise UploadsError(
                    t(
                        "No file can be uploaded or made now: the server's disk has less than {least} GB free, and a "
                        "full one would stop the training. Its owner has to make room.",
                        least=f"{LEAST_FREE_BYTES / 1e9:.0f}",
                    )
                )
            if not self._make_room(MAX_BYTES_IN_ALL - self._promised - length):
                raise UploadsError(t("Too much is being uploaded or made just now. Try again in a minute."))
            self._promised += length

    def _free_bytes(self) -> int:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free

    def _make_room(self, most_bytes: int) -> bool:
        """Remove the oldest files until all take no more than this; False where those that are left are in use."""
        files = sorted(self._files())
        taken = sum(charged for _, charged, _ in files)
        for changed, charged, file in files:
            if taken <= most_bytes:
                break
            if time.time() - changed < LEAST_KEPT_S:
                return False
            self._remove(file)
            taken -= charged
        return taken <= most_bytes

    def sweep(self) -> None:
        """Remove what is older than KEPT_S, whoever left it: an upload that broke off, an app that was killed."""
        oldest = time.time() - KEPT_S
        with self._guard:
            for changed, _, file in self._files():
                if changed < oldest:
                    self._remove(file)

    def _remove(self, file: Path) -> None:
        """And the folder that Gradio makes for each file, once it is empty."""
        file.unlink(missing_ok=True)
        if file.parent != self.folder:
            with suppress(OSError):
                file.parent.rmdir()

    def _files(self) -> list[tuple[float, int, Path]]:
        """When each was last written, what it is charged with, and where it lies."""
        found = []
        for folder, _, names in os.walk(self.folder):
            for name in names:
                file = Path(folder, name)
                with suppress(FileNotFoundError):
                    stat = file.lstat()
                    found.append((stat.st_mtime, max(stat.st_size, LEAST_CHARGED_BYTES), file))
        return found


async def sweep_for_ever(sweeps: Sequence[Callable[[], None]]) -> None:
    """Now and every hour. A disk that refuses is told of when somebody uploads."""
    while True:
        for sweep in sweeps:
            with suppress(OSError):
                await asyncio.to_thread(sweep)
        await asyncio.sleep(SWEEP_EVERY_S)

"""A folder that behaves as a bucket that is mounted: what is there is not written to again, nothing is moved over
another file, and there are no locks."""

import builtins
import errno
import fcntl
import io
import os
from pathlib import Path


def make_bucket(folder: Path, monkeypatch) -> Path:
    """Make the folder. Only this process finds it so."""
    folder.mkdir(parents=True)
    bucket = _Bucket(folder)
    for module in (builtins, io):
        monkeypatch.setattr(module, "open", bucket.opening(io.open, lambda mode="r", *_, **__: set(mode) & set("aw+")))
    flags = os.O_WRONLY | os.O_RDWR | os.O_APPEND
    monkeypatch.setattr(os, "open", bucket.opening(os.open, lambda given, *_, **__: given & flags))
    for name in ("rename", "replace"):
        monkeypatch.setattr(os, name, bucket.moving(getattr(os, name)))
    for name in ("flock", "lockf"):
        monkeypatch.setattr(fcntl, name, bucket.locking(getattr(fcntl, name)))
    return folder


class _Bucket:
    def __init__(self, folder: Path) -> None:
        self.inside = f"{folder.resolve()}{os.sep}"

    def has(self, path) -> bool:
        """Whether the path is of a file that is in it."""
        given = os.path.realpath(path) if isinstance(path, str | os.PathLike) else ""
        return given.startswith(self.inside) and os.path.exists(given)  # noqa: PTH110

    def opening(self, really, writes):
        def opened(path, *args, **named):
            if self.has(path) and writes(*args, **named):
                raise OSError(errno.EOPNOTSUPP, "a file that is there cannot be written to", str(path))
            return really(path, *args, **named)

        return opened

    def moving(self, really):
        def move(source, target, **named):
            if self.has(target):
                raise OSError(errno.EOPNOTSUPP, "nothing is moved over another file", str(target))
            return really(source, target, **named)

        return move

    def locking(self, really):
        def lock(file, *args):
            number = file if isinstance(file, int) else file.fileno()
            if self.has(os.readlink(f"/proc/self/fd/{number}")):  # noqa: PTH115
                raise OSError(errno.EOPNOTSUPP, "there are no locks", str(number))
            return really(file, *args)

        return lock

"""Copies of runs in a folder that outlives this disk, such as a bucket that is mounted on a Space (RESNET_DEMO_KEEP).

A bucket is no disk for a live run: a file that is there cannot be appended to, locks do not hold, and nothing can be
moved over another. So every file there is new: written under a name of its own, then moved to its name, and never
changed.

    DIR/<run id>/model.safetensors.<changed, ns>-<bytes>    a file as it was at a save; unchanged, it is copied once
    DIR/<run id>/00000007.save.json                         a save: which files make it; written last
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from resnet_demo.errors import UserError, disk_advice
from resnet_demo.files import UNFINISHED, open_regular, read_json
from resnet_demo.runs.directory import RESTORED, RunDirectory, RunError
from resnet_demo.runs.lasting import lasting_files

KEEP_VARIABLE = "RESNET_DEMO_KEEP"
SAVES_KEPT = 2  # the one before stays until the next: what a bucket has taken may still not be whole
_SAVE = re.compile(r"(\d{8})\.save\.json")
_NAME = re.compile(r"(?:epochs/\d{4,}\.safetensors|[a-z_]+\.(?:json|jsonl|png|pt|safetensors))", re.ASCII)
_VERSION = re.compile(r"[a-z0-9_+.]+\.(\d+)-(\d+)", re.ASCII)


class KeepError(UserError):
    """A folder that cannot keep runs: a sentence for people."""


class Keep:
    """The copies of all runs in one folder. Raises OSError as the folder does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of_environment(cls) -> "Keep | None":
        """In the folder that RESNET_DEMO_KEEP names, if any."""
        named = os.environ.get(KEEP_VARIABLE)
        return cls(Path(named).expanduser().absolute()) if named else None

    @classmethod
    def of(cls, run: RunDirectory) -> "Keep | None":
        """Where copies of this run go, if anywhere: a visitor's is nobody else's, and is deleted soon."""
        return None if run.is_visitors else cls.of_environment()

    def check(self) -> None:
        """Raises KeepError where nothing can be written there."""
        probe = self.folder / f".probe.{os.getpid()}{UNFINISHED}"
        try:
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise KeepError(
                f"{KEEP_VARIABLE} names '{self.folder}', where nothing can be written ({error.strerror}). Mount a "
                "folder there, or take the variable away: then runs are lost with this disk."
            ) from error

    def save(self, run: RunDirectory) -> None:
        """Copy what makes the run. Call it where nobody trains the run at this moment, as its worker between two
        steps."""
        home = self.folder / run.path.name
        home.mkdir(parents=True, exist_ok=True)
        versions = {}
        for path in lasting_files(run):
            name = path.relative_to(run.path).as_posix()
            with suppress(FileNotFoundError):  # the page may take a title or a pinned image away
                versions[name] = _keep_version(path, home / name.replace("/", "+"))
        saves = _saves(home)
        number = max(saves, default=0) + 1
        told = json.dumps({"files": versions}).encode()
        _write_new(_save_path(home, number), lambda file: file.write(told))
        _drop(home, {number, *sorted(saves)[1 - SAVES_KEPT :]})

    def run_ids(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.is_dir() and not path.name.startswith("."))

    def restore(self, folder: Path) -> list[str]:
        """Bring back, into the folder of runs, those that are kept here and are not there; returns their names. Raises
        RunError."""
        restored = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in self.run_ids():
                path, aside = folder / name, folder / f"{RESTORED}{name}"
                shutil.rmtree(aside, ignore_errors=True)  # what a start that was killed has left
                if not path.exists() and self.copy_to(name, aside):
                    aside.rename(path)
                    restored.append(name)
        except OSError as error:
            raise RunError(
                f"Runs could not be restored from '{self.folder}' ({error.strerror}). {disk_advice(error)}, then start "
                "again."
            ) from error
        return restored

    def copy_to(self, run_id: str, target: Path) -> bool:
        """Make the folder `target` of the newest save that is whole, with the files' times; False where there is
        none."""
        home = self.folder / run_id
        for number in sorted(_saves(home), reverse=True):
            if (files := _whole_files(home, number)) is None:
                continue
            for name, version in files.items():
                path = target / name
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(home / version, path)
                changed_ns = int(version.rpartition(".")[2].partition("-")[0])
                os.utime(path, ns=(changed_ns, changed_ns))
            return True
        return False

    def forget(self, run_id: str) -> None:
        """Delete the copies of a run, its saves first: half of it is never restored."""
        home = self.folder / run_id
        for number in _saves(home):
            _save_path(home, number).unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            shutil.rmtree(home)


def environment_elsewhere() -> dict[str, str]:
    """The variables for a process that begins in another folder: RESNET_DEMO_KEEP names the same one there."""
    keep = Keep.of_environment()
    return {**os.environ, KEEP_VARIABLE: str(keep.folder)} if keep else dict(os.environ)


def _keep_version(path: Path, beside: Path) -> str:
    """Copy the file, unless it is there as it is now; returns the name that it has there."""
    with open_regular(path) as file:
        told = os.fstat(file.fileno())
        kept = beside.with_name(f"{beside.name}.{told.st_mtime_ns}-{told.st_size}")
        if not (kept.is_file() and kept.stat().st_size == told.st_size):
            kept.unlink(missing_ok=True)  # what a copy that broke off has left
            _write_new(kept, lambda copy: shutil.copyfileobj(file, copy, 1 << 20))
    return kept.name


def _write_new(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """A file that is not there yet, whole or not at all. Not synced: a bucket takes a file when it is closed."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
    try:
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as file:
            write(file)
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)


def _save_path(home: Path, number: int) -> Path:
    return home / f"{number:08}.save.json"


def _saves(home: Path) -> list[int]:
    if not home.is_dir():
        return []
    return [int(found[1]) for path in home.iterdir() if (found := _SAVE.fullmatch(path.name))]


def _files(home: Path, number: int) -> dict[str, str]:
    """Of one save: a run's file, and the name that it has here. Empty where the save cannot be read."""
    files = (read_json(_save_path(home, number)) or {}).get("files")
    return files if isinstance(files, dict) else {}


def _whole_files(home: Path, number: int) -> dict[str, str] | None:
    """None where a file is missing or cut, or its name is none that a run has."""
    files = _files(home, number)
    for name, version in files.items():
        told = _VERSION.fullmatch(version) if isinstance(version, str) else None
        kept = home / version if told else home
        if not _NAME.fullmatch(name) or not told or not kept.is_file() or kept.stat().st_size != int(told[2]):
            return None
    return files if "config.json" in files else None


def _drop(home: Path, numbers: set[int]) -> None:
    """Delete all but what these saves need."""
    needed = {_save_path(home, number).name for number in numbers}
    needed |= {version for number in numbers for version in _files(home, number).values()}
    for path in home.iterdir():
        if path.name not in needed:
            path.unlink(missing_ok=True)

"""What passes between a run's worker and whoever looks: what is wanted of it (control.json), what it is doing now
(progress.json), how its process ended (exit.json), and the locks that say whether it lives.

Imports no torch. A held `worker.lock` means a living worker: the system frees it at once when the process dies.
"""

import functools
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from resnet_demo.files import is_number, read_json, replace_json

RUN, PAUSE, STOP, DISCARD = "run", "pause", "stop", "discard"  # what control.json may want
URGENCY = (RUN, PAUSE, STOP, DISCARD)  # where different things are wanted, the later one counts


@dataclass(frozen=True)
class Progress:
    """progress.json: what a living worker is doing now."""

    phase: str  # waiting, downloading, decoding, starting, training, evaluating, saving
    done: int = 0
    total: int = 0  # 0 = not known
    epoch: int = 0
    step: int = 0
    images_per_s: float | None = None
    elapsed_s: float = 0.0
    remaining_s: float | None = None  # of the run
    epoch_remaining_s: float | None = None  # of the epoch under way, its evaluation included
    cpu_percent: float | None = None  # of the worker's process: 100 for each core it keeps busy
    memory_bytes: int | None = None
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None
    gpu_memory_peak_bytes: int | None = None
    process_id: int = 0
    time: float = 0.0  # Unix seconds


@dataclass(frozen=True)
class Exit:
    """exit.json: how a worker's process ended, as its parent saw it."""

    code: int  # its exit status; of a signal the number, negative
    time: float  # Unix seconds
    began: bool = True  # whether it had come to hold the run


class WorkerFiles:
    """The files of the run in the folder `path` that are about its worker."""

    path: Path

    def write_progress(self, progress: Progress) -> None:
        replace_json(self.path / "progress.json", progress.__dict__)

    def progress(self) -> Progress | None:
        stored = read_json(self.path / "progress.json") or {}
        phase, numbers = stored.get("phase"), {name: value for name, value in stored.items() if name != "phase"}
        known = all(name in Progress.__dataclass_fields__ for name in numbers)
        if not isinstance(phase, str) or not known or not all(v is None or is_number(v) for v in numbers.values()):
            return None  # of another version: as good as none, the next one comes within a second
        return Progress(phase, **numbers)

    def forget_the_moment(self) -> None:
        """Delete what only a living worker needs. On a full disk that makes room for its last line."""
        (self.path / "progress.json").unlink(missing_ok=True)
        if self.wanted() == RUN:
            self.forget_request()

    def forget_worker(self) -> None:
        """Delete what an earlier worker has left of its last moment: a new one begins."""
        for name in ("progress.json", "exit.json"):
            (self.path / name).unlink(missing_ok=True)

    def write_exit(self, ended: Exit) -> None:
        """Of a run that is there: a discarded one stays away."""
        with suppress(FileNotFoundError):
            replace_json(self.path / "exit.json", ended.__dict__)

    def exit(self) -> Exit | None:
        """How the last worker ended; None where nobody has seen it."""
        stored = read_json(self.path / "exit.json") or {}
        code, when, began = (stored.get(name) for name in ("code", "time", "began"))
        if type(code) is not int or not is_number(when):
            return None
        return Exit(code, when, began is not False)

    def request(self, wanted: str) -> None:
        """Ask the worker to run, pause, stop or discard. It obeys within one step."""
        replace_json(self.path / "control.json", {"wanted": wanted})

    def ask(self, wanted: str) -> None:
        """Request it, unless more is wanted already: a pause takes back no stop, and neither takes back a discard."""
        if URGENCY.index(wanted) > URGENCY.index(self.wanted()):
            self.request(wanted)

    def forget_request(self) -> None:
        (self.path / "control.json").unlink(missing_ok=True)

    def wanted(self) -> str:
        wanted = (read_json(self.path / "control.json") or {}).get("wanted")
        return wanted if wanted in (PAUSE, STOP, DISCARD) else RUN

    @functools.cached_property
    def lock(self) -> FileLock:
        return FileLock(self.path / "worker.lock")

    def is_alive(self) -> bool:
        """Whether a worker holds this run. Looking is acquiring for a moment: ask only where the run may go on."""
        return is_held(self.path / "worker.lock")

    @property
    def start_path(self) -> Path:
        """Held by a launcher from the press of a button until its worker holds the run, or has failed to."""
        return self.path / "start.lock"

    def is_starting(self) -> bool:
        return is_held(self.start_path)


def is_held(lock_path: Path) -> bool:
    """Whether another holds this lock file. A missing file, or one that may not be opened, is held by nobody.

    Asks a few times: another who looks holds it for a moment, a worker for as long as it lives.
    """
    if not lock_path.exists():
        return False
    try:
        with FileLock(lock_path).acquire(timeout=0.05, poll_interval=0.01):
            return False
    except Timeout:
        return True
    except OSError:
        return False

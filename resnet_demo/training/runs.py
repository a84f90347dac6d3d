"""The run directory is the interface: whoever trains writes these files, whoever looks reads them.

Imports no torch. A held `worker.lock` means a living worker: the system frees it at once when the process dies.
"""

import functools
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from resnet_demo.training.config import ConfigError, TrainConfig
from resnet_demo.training.event_log import EventLog
from resnet_demo.training.events import Event, RunView, fold, to_line
from resnet_demo.training.files import read_json, replace_json
from resnet_demo.training.model_info import CheckpointError, ModelInfo, read_model_info

RUN, PAUSE, STOP, DISCARD = "run", "pause", "stop", "discard"  # what control.json may want
LOCK_TIMEOUT_S = 5.0  # whoever looks at a lock holds it for a moment
DELETE_TIMEOUT_S = 1.0
NO_SUCH_RUN = "There is no such run (any more). Choose one from the list."
TITLE_MAX = 80  # characters
DELETED = ".deleted-"  # begins the name of a run's folder that is on its way out


class RunError(RuntimeError):
    """A run that cannot be used as wanted: a sentence for people."""


@dataclass(frozen=True)
class Progress:
    """progress.json: what a living worker is doing now."""

    phase: str  # downloading, decoding, starting, training, evaluating, saving
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
    time: float = 0.0  # Unix seconds


class RunDirectory:
    """One run's files. Holding one costs nothing; everything is read when asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.events_path = path / "events.jsonl"
        self.model_path = path / "model.safetensors"
        self.state_path = path / "resume.pt"
        self.log_path = path / "worker.log"
        self.epochs_path = path / "epochs"
        self.picture_path = path / "pinned.png"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunDirectory) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    # --- what it takes to run it again ------------------------------------------------------------------------

    def write_config(self, config: TrainConfig, **environment) -> None:
        """The config, and what it ran with: versions, device, threads, git commit."""
        created = (read_json(self.path / "config.json") or {}).get("created", time.time())
        stored = {"created": created, "config": config.to_dict(), "environment": environment}
        replace_json(self.path / "config.json", stored)

    def created(self) -> float:
        """Unix seconds; 0 where config.json cannot be read."""
        created = (read_json(self.path / "config.json") or {}).get("created", 0.0)
        return created if isinstance(created, int | float) else 0.0

    def exists(self) -> bool:
        return (self.path / "config.json").is_file()

    def _config_file(self) -> dict:
        stored = read_json(self.path / "config.json")
        if stored is None or not isinstance(stored.get("config"), dict):
            raise RunError(f"The run '{self.id}' has no readable config.json, so it cannot be opened.")
        return stored

    def config(self) -> TrainConfig:
        """Raises RunError where config.json is missing, damaged or of a newer version."""
        try:
            return TrainConfig.from_dict(self._config_file()["config"])
        except ConfigError as error:
            raise RunError(f"The run '{self.id}' cannot be opened. {error}") from error

    def environment(self) -> dict:
        return self._config_file().get("environment", {})

    # --- its title and its size -------------------------------------------------------------------------------

    def title(self) -> str:
        """The name that a person gave the run; '' where there is none."""
        title = (read_json(self.path / "title.json") or {}).get("title")
        return title if isinstance(title, str) and _title_problem(title) is None else ""

    def rename(self, title: str) -> None:
        """Give the run a title, '' for none. It stands in a file of its own, since a worker rewrites config.json,
        and its folder keeps its name. Raises RunError where the title is too long or is not one line of text."""
        title = title.strip()
        if problem := _title_problem(title):
            raise RunError(problem)
        try:
            replace_json(self.path / "title.json", {"title": title})
        except OSError as error:
            raise RunError(f"The run '{self.id}' could not be renamed ({error.strerror}).") from error

    def size_bytes(self) -> int:
        """What the run's files take on the disk; those that vanish meanwhile count nothing."""
        return _size_bytes(self.path)

    # --- the log ----------------------------------------------------------------------------------------------

    def append(self, event: Event) -> None:
        """Add one line. A line that a kill or a full disk has cut off is closed first, so that it stays alone."""
        with self.events_path.open("ab+") as log:
            if log.tell():
                log.seek(-1, 2)
                if log.read(1) != b"\n":
                    log.write(b"\n")
            log.write(to_line(event).encode() + b"\n")

    def events(self) -> list[Event]:
        """All whole lines of the log; empty where there is none yet."""
        return EventLog(self.events_path).read()

    def view(self) -> RunView:
        return fold(self.events())

    def log_tail(self, lines: int = 12) -> str:
        """The end of worker.log, '' where there is none; bytes that are no UTF-8 are replaced."""
        try:
            with self.log_path.open("rb") as log:
                log.seek(0, 2)
                log.seek(max(0, log.tell() - 16_384))
                text = log.read().decode("utf-8", errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    # --- now --------------------------------------------------------------------------------------------------

    def write_progress(self, progress: Progress) -> None:
        replace_json(self.path / "progress.json", progress.__dict__)

    def progress(self) -> Progress | None:
        stored = read_json(self.path / "progress.json")
        try:
            return Progress(**stored) if stored else None
        except TypeError:  # of another version: as good as none, the next one comes within a second
            return None

    def forget_the_moment(self) -> None:
        """Delete what only a living worker needs. On a full disk that makes room for its last line."""
        (self.path / "progress.json").unlink(missing_ok=True)
        if self.wanted() == RUN:
            (self.path / "control.json").unlink(missing_ok=True)

    def request(self, wanted: str) -> None:
        """Ask the worker to run, pause, stop or discard. It obeys within one step."""
        replace_json(self.path / "control.json", {"wanted": wanted, "time": time.time()})

    def wanted(self) -> str:
        wanted = (read_json(self.path / "control.json") or {}).get("wanted")
        return wanted if wanted in (PAUSE, STOP, DISCARD) else RUN

    @functools.cached_property
    def lock(self) -> FileLock:
        return FileLock(self.path / "worker.lock")

    def is_alive(self) -> bool:
        """Whether a worker holds this run. Looking is acquiring for a moment: ask only where the run may go on."""
        return is_held(self.path / "worker.lock")

    def model_info(self) -> ModelInfo | None:
        """The header of model.safetensors; None where there is no whole one."""
        try:
            stat = self.model_path.stat()
            return _model_info(self.model_path, stat.st_mtime_ns, stat.st_size)
        except (FileNotFoundError, CheckpointError):
            return None

    def model_saved_at(self) -> float:
        """When model.safetensors was last replaced, in Unix seconds; 0 where there is none."""
        try:
            return self.model_path.stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def saved_epochs(self) -> list[int]:
        return sorted(int(path.stem) for path in self.epochs_path.glob("[0-9]*.safetensors"))

    def epoch_path(self, epoch: int) -> Path:
        return self.epochs_path / f"{epoch:04}.safetensors"


def _title_problem(title: str) -> str | None:
    if len(title) > TITLE_MAX:
        return f"A title may have at most {TITLE_MAX} characters, not {len(title)}."
    if not title.isprintable():
        return "A title is one line of text, without control characters."
    return None


def _size_bytes(folder: Path) -> int:
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                is_folder = entry.is_dir(follow_symlinks=False)
                total += _size_bytes(Path(entry)) if is_folder else entry.stat(follow_symlinks=False).st_size
    return total


@functools.lru_cache(maxsize=256)
def _model_info(path: Path, changed_ns: int, size: int) -> ModelInfo:
    """Read once for each state of the file: every open page asks for every run's."""
    return read_model_info(path)


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


class RunStore:
    """The folder that holds runs. One training at a time in it, however many apps and tabs look."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def runs(self) -> list[RunDirectory]:
        """All runs, newest first."""
        if not self.folder.is_dir():
            return []
        found = (RunDirectory(p) for p in self.folder.iterdir() if p.is_dir() and not p.name.startswith(DELETED))
        return sorted((run for run in found if run.exists()), key=lambda run: (run.created(), run.id), reverse=True)

    def get(self, run_id: str) -> RunDirectory:
        """Raises RunError for anything but the id of a run that is there: an id is looked up, never made a path."""
        for run in self.runs():
            if run.id == run_id:
                return run
        raise RunError(NO_SUCH_RUN)

    def parent(self, config: TrainConfig) -> RunDirectory | None:
        """The run whose weights `config` starts from, if any. Raises RunError where that is not possible."""
        if config.parent_id is None:
            return None
        try:
            parent = self.get(config.parent_id)
        except RunError as error:
            raise RunError(f"There is no run '{config.parent_id}' in '{self.folder}' to start from.") from error
        info = parent.model_info()
        if info is None:
            raise RunError(
                f"The run '{parent.id}' has no whole checkpoint to start from. Let it train to a save first."
            )
        if info.arch != config.arch:
            raise RunError(
                f"The run '{parent.id}' trained a {info.arch}, whose weights do not fit a {config.arch}. "
                f"Choose {info.arch}, or start from other weights."
            )
        return parent

    def create(self, config: TrainConfig, name: str | None = None) -> RunDirectory:
        """A new run directory with its config.json. Raises RunError where the folder cannot be written, or where
        the run that it is to start from cannot be started from."""
        self.parent(config)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            run = RunDirectory(self._named(name) if name else self._unused(config))
            run.write_config(config)
        except OSError as error:
            raise RunError(
                f"No run can be made in '{self.folder}' ({error.strerror}). Free space there, or choose another "
                "folder with --runs."
            ) from error
        return run

    def _named(self, name: str) -> Path:
        path = self.folder / name
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError(f"'{path}' is there and is no run. Choose a new folder.")
        path.mkdir(exist_ok=True)
        return path

    def _unused(self, config: TrainConfig) -> Path:
        """Make '20261124-101500-resnet50-cifar10', with a number where two start in one second."""
        stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{config.arch}-{config.data.partition(':')[0]}"
        path, number = self.folder / stem, 1
        while True:
            try:
                path.mkdir()  # who makes it has it: another process may want the same name at this moment
                return path
            except FileExistsError:
                number += 1
                path = self.folder / f"{stem}-{number}"

    def discard_unborn(self, run: RunDirectory) -> None:
        """Delete a run that never said a word nor saved anything, because its start was refused."""
        saved = run.state_path.exists() or run.model_path.exists()
        if not saved and not run.events() and not run.is_alive():
            shutil.rmtree(run.path, ignore_errors=True)

    def delete(self, run: RunDirectory) -> None:
        """Delete a run's folder. Raises RunError where it is no run of this folder, a worker lives in it, or the
        disk refuses.

        The folder is moved aside while its lock is held: no worker can start in it, and nobody sees half of it. A
        worker, who holds the lock already, may delete its own.
        """
        if run not in self.runs():
            raise RunError(NO_SUCH_RUN)
        if run.path.is_symlink():
            raise RunError(f"'{run.id}' is a link to a folder elsewhere. Remove the link by hand.")
        aside = self.folder / f"{DELETED}{run.id}-{time.time_ns()}"
        try:
            with run.lock.acquire(timeout=DELETE_TIMEOUT_S, poll_interval=0.02):
                run.path.rename(aside)
        except Timeout as error:
            raise RunError(f"'{run.id}' is training. Stop it first, then delete it.") from error
        except OSError as error:
            raise RunError(f"The run '{run.id}' could not be deleted ({error.strerror}).") from error
        for left in self.folder.glob(f"{DELETED}*"):  # also what a delete that was killed has left
            shutil.rmtree(left, ignore_errors=True)
        if aside.exists():
            raise RunError(f"Some files of the run could not be deleted. Remove '{aside}' by hand.")

    def active(self) -> RunDirectory | None:
        """The run that is training now, if any."""
        if not is_held(self.folder / ".training.lock"):
            return None
        return next((run for run in self.runs() if not run.view().is_over and run.is_alive()), None)

    def latest_model(self) -> RunDirectory | None:
        """The run whose model.safetensors is the newest that is whole."""
        newest_first = sorted(self.runs(), key=lambda run: run.model_saved_at(), reverse=True)
        return next((run for run in newest_first if run.model_info()), None)

    @contextmanager
    def training(self, run: RunDirectory) -> Iterator[None]:
        """Hold the folder's and the run's lock. Raises RunError that names who trains already, or says why there
        can be no lock."""
        with ExitStack() as held:
            try:
                for lock in (FileLock(self.folder / ".training.lock"), run.lock):
                    held.enter_context(lock.acquire(timeout=LOCK_TIMEOUT_S))
            except Timeout as error:
                active = self.active()
                name = f"'{active.id}'" if active else "another run"
                raise RunError(
                    f"{name} is training in this folder already, and one at a time is all a machine can do well. Stop "
                    "or pause it first."
                ) from error
            except OSError as error:
                raise RunError(
                    f"Nothing can be written in '{run.path}' ({error.strerror}). Free space there or give yourself "
                    "write permission, then start again."
                ) from error
            yield

"""One run as it stands, read from its files: the only place where they are read for that. Imports no torch."""

import os
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import RunDirectory, RunError
from resnet_demo.runs.event_log import EventLog, LogError
from resnet_demo.runs.exit_reason import exit_reason
from resnet_demo.runs.fold import Folding, RunView
from resnet_demo.runs.pinned import PinnedFile, PinnedImage
from resnet_demo.runs.status import RunStatus, is_stalled, run_status
from resnet_demo.runs.text import run_name
from resnet_demo.runs.worker_files import RUN, Exit, Progress
from resnet_demo.text import plural, printable

CURVES_S = 4.0  # how often curves are drawn anew at the most: a fast run logs more points than an eye follows
CLOCK_S = 30  # how often a living run's row is
SLOW_BYTES = 4 << 20  # of a log, about 40 ms of folding: nobody waits for more
SETTLED_NS = 2_000_000_000  # a file system may keep times by the second


@dataclass(frozen=True)
class Snapshot:
    """One run, as it was at `version`."""

    run: RunDirectory
    config: TrainConfig
    view: RunView
    alive: bool
    progress: Progress | None
    wanted: str  # of a living worker: run, pause or stop
    title: str = ""  # what a person called the run
    exit_reason: str = ""  # of a worker that died without an ending; for the owner alone
    pinned: PinnedImage | None = None
    starting: bool = False  # a launcher is about to hand it to a worker
    quiet_s: float | None = None  # a living worker that should have said something has not, for so long
    exit: Exit | None = None  # how the last worker ended, where it ended without a word
    is_kept: bool = False  # a stopped run still has the state to go on from
    is_partial: bool = False  # a long log is still being read: how the run stands is known, its curves are not whole
    created: float = 0.0  # Unix seconds
    order: int = 0  # of the runs of a store the one that was trained last has the highest
    device: str = ""  # what it trained on, where a worker has said so
    place: tuple[int, int] | None = None  # in the queue, (2, 3) for the second of three; None where it is not planned

    @property
    def name(self) -> str:
        """What a person called the run, or else when it started."""
        return run_name(self.run.id, t(self.title) if self.run.is_shipped else self.title)

    @property
    def latest_curves(self) -> int | None:
        """Changes when there are points to draw that a page may not have yet, at most once in CURVES_S of the run's
        log; what has come since is drawn with the next, or when the run's status changes."""
        return int(self.view.metrics[-1].time // CURVES_S) if self.view.metrics else None

    @property
    def status(self) -> RunStatus:
        """Said of a process only while it lives."""
        stalled, planned = self.quiet_s is not None, self.place is not None
        return run_status(self.view, self.starting, self.alive, self.progress, stalled, planned)

    @property
    def can_resume(self) -> bool:
        """Whether it waits to go on."""
        return not self.status.is_live and (not self.view.is_over or self.is_kept)

    # What is derived from a run at rest is derived once: its snapshot stays the same object.

    @cached_property
    def model_info(self) -> ModelInfo | None:
        """What its checkpoint says of itself; None where there is no whole one."""
        return self.run.model_info()

    @cached_property
    def size_bytes(self) -> int:
        return self.run.size_bytes()

    @cached_property
    def state_version(self) -> str:
        """Changes with how the run stands."""
        state = self.run.id, self.status.value, self.wanted, len(self.view.epochs), self.title, self.exit_reason
        return checksum(state, self.exit, self.is_kept, self.place)

    @cached_property
    def checkpoint_version(self) -> str:
        """Changes whenever its checkpoint has come, been replaced or been named anew."""
        return checksum(self.run.id, self.title, self.view.saved and self.view.saved.time)

    @cached_property
    def row_version(self) -> str:
        """Changes with the run's row in a table. A living run's speed, time and size are shown anew each half minute,
        however long its epochs are."""
        clock = int(self.view.elapsed_s // CLOCK_S) if self.status.is_live else None
        epochs = len(self.view.epochs)
        stands = (self.status.value, self.is_kept, self.is_partial, self.place)
        return checksum(self.run.id, self.title, epochs, clock, *stands)


def checksum(*values: object) -> str:
    """A short text that changes with the values."""
    return str(zlib.crc32(repr(values).encode()))


def whole_snapshot(run: RunDirectory) -> Snapshot:
    """A run as it stands, read once and with every point of its log. Raises RunError, LogError."""
    view, alive = run.whole_view(), run.is_alive()
    device = run.environment().get("device")
    return Snapshot(
        run=run,
        config=run.config(),
        view=view,
        alive=alive,
        progress=run.progress() if alive else None,
        wanted=RUN,
        title=run.title(),
        created=run.created(),
        device=device if isinstance(device, str) else "",
    )


class RunReader:
    """Reads one run's files for whoever looks: its log as far as it has grown, and of a run at rest nothing at all
    while its folder and its log keep their times and sizes.

    `in_background` folds a log that is too long to be waited for; until that is done a snapshot tells how the run
    stands from the log's two ends.
    """

    def __init__(self, run: RunDirectory, in_background: Callable[[Callable[[], None]], Future]) -> None:
        self.run, self._in_background = run, in_background
        self._path, self.problem = str(run.path), ""
        self._config: TrainConfig | None = None
        self._config_version: tuple | None = None
        self._pinned = PinnedFile(run)
        self._remembered: Snapshot | None = None
        self._remembered_version: tuple | None = None
        self._has_ended = False
        self._background: Future | None = None
        self._log, self._view = EventLog(run.events_path), RunView()
        self._folding: Folding | None = None

    def snapshot(self, place: tuple[int, int] | None = None) -> Snapshot | None:
        """None where the run cannot be read; `problem` says why (a damaged config.json, a newer version). `place` is
        the run's in the queue."""
        version = self._version()
        if version is None or version != self._remembered_version:
            self._remembered = self._read_or_tell()
            self._has_ended = self._remembered is not None and self._remembered.view.is_over
            self._remembered_version = version if self._is_at_rest(version) else None
        if self._remembered is not None and self._remembered.place != place:
            self._remembered = replace(self._remembered, place=place)
        return self._remembered

    def _version(self) -> tuple | None:
        """Whatever replaces a file changes the folder's time. Two files grow by themselves, and only before the end:
        the log, and what the worker's processes say."""
        try:
            folder = os.stat(self._path)  # noqa: PTH116 - a thousand times a snapshot: half the cost of Path.stat
        except OSError:
            return None
        if self._has_ended:
            return (folder.st_ino, folder.st_mtime_ns)
        return (folder.st_ino, folder.st_mtime_ns, _stat_of(self.run.events_path), _stat_of(self.run.log_path))

    def _is_at_rest(self, version: tuple | None) -> bool:
        """A file system's clock has a grain: what has changed this moment may change once more in the same one."""
        if version is None or (self._remembered and (self._remembered.status.is_live or self._remembered.is_partial)):
            return False
        newest_ns = max(version[1], *(grown[0] for grown in version[2:] if grown), 0)
        return time.time_ns() - newest_ns > SETTLED_NS

    def _read_or_tell(self) -> Snapshot | None:
        """No run's files keep the others from being shown: what stands in their place is told in `problem`, and also
        what was left out of a log that can be read."""
        try:
            snapshot = self._read()
        except (LogError, OSError) as error:
            why = getattr(error, "strerror", None)
            self.problem = f"The run '{self.run.id}' cannot be read ({why})." if why else str(error)
            self._config = None  # with the next snapshot everything anew
            return None
        if snapshot is not None and self._folding and self._folding.wrong:
            left_out = plural(self._folding.wrong, "line")
            self.problem = f"{left_out} of the log of the run '{self.run.id}' say what cannot be, and are left out."
        return snapshot

    def _read(self) -> Snapshot | None:
        try:
            config = self._read_config()
        except RunError as error:
            self.problem = str(error) if self.run.exists() else ""  # deleted this moment: nothing to say
            return None
        is_partial = self._follow(config.log_every_steps)
        run, view = self.run, self.run.with_ending(self._view)
        can_resume = run.can_resume(view)
        alive = can_resume and run.is_alive()
        progress, now = run.progress() if alive else None, time.time()
        snapshot = Snapshot(
            run=run,
            config=config,
            view=view,
            alive=alive,
            progress=progress,
            wanted=run.wanted() if alive else RUN,
            title=run.title(),
            pinned=self._pinned.read(),
            starting=can_resume and not alive and run.is_starting(),
            quiet_s=now - progress.time if progress and is_stalled(progress, config.batch_size, now) else None,
            is_kept=can_resume and view.is_over,
            is_partial=is_partial,
            created=self._created,
            order=run.order(),
            device=self._device,
        )
        if snapshot.status == RunStatus.INTERRUPTED:
            return replace(snapshot, exit_reason=exit_reason(run, view.last), exit=_silent_exit(run, view))
        return snapshot

    def _read_config(self) -> TrainConfig:
        version = _stat_of(self.run.path / "config.json")
        if self._config is None or version != self._config_version:
            stored = self.run.config()  # below as a page can show it; who resumes a run reads it anew
            self._config, self.problem = replace(stored, data=printable(stored.data)), ""
            self._created, device = self.run.created(), self.run.environment().get("device")
            self._device = device if isinstance(device, str) else ""
            self._config_version = version
        return self._config

    def _follow(self, log_every_steps: int) -> bool:
        """Fold what is new; returns whether that is still being done."""
        if self._background and not self._background.done():
            return True
        self._background = None
        size = (_stat_of(self.run.events_path) or (0, 0))[1]
        self._log.check()
        if self._folding is None or size < self._log.offset:  # another run of the same name
            self._log, self._folding = EventLog(self.run.events_path), Folding(log_every_steps)
            self._folded = RunView()
        if size - self._log.offset > SLOW_BYTES:
            self._background = self._in_background(partial(self._fold, self._folding))
            glimpse = Folding()
            glimpse.add_lines(self._log.ends())
            self._view = glimpse.view()
            return True
        if size > self._log.offset:
            self._fold(self._folding)
        self._view = self._folded
        return False

    def _fold(self, folding: Folding) -> None:
        folding.add_lines(self._log.lines())
        self._folded = folding.view()


def _stat_of(path: Path) -> tuple[int, int] | None:
    """Time and size; None where there is no such file, or none that may be looked at."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _silent_exit(run: RunDirectory, view: RunView) -> Exit | None:
    """How the worker ended that has left no ending; an older one's exit is no news."""
    exit = run.exit()
    return exit if exit and (view.last is None or exit.time >= view.last.time) else None

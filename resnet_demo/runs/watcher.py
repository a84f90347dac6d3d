"""Looks at the runs folder once for all open pages: a version's view is read and folded once, then shared."""

import threading
import time
import zlib
from collections.abc import Container
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import DISCARD, RUN, Exit, Progress, RunDirectory, RunError
from resnet_demo.runs.event_log import EventLog
from resnet_demo.runs.exit_reason import last_words
from resnet_demo.runs.pinned import PinnedFile, PinnedPicture
from resnet_demo.runs.status import RunStatus, is_stalled, run_status
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.text import run_name

NEWEST = "newest"  # the choice that follows the run in front
FRESH_S = 0.5  # pages that ask within this time get the same look
QUIET_TOLD_S = 5  # how often it is told anew for how long a stalled worker has been quiet
CURVES_S = 4.0  # how often curves are drawn anew at the most: a fast run logs more points than an eye follows


@dataclass(frozen=True)
class Snapshot:
    """One run, as it was at `version`."""

    run: RunDirectory
    config: TrainConfig
    view: events.RunView
    alive: bool
    progress: Progress | None
    wanted: str  # of a living worker: run, pause or stop
    title: str = ""  # what a person called the run
    last_words: str = ""  # of a worker that died without an ending; for the owner alone
    pinned: PinnedPicture | None = None
    starting: bool = False  # a launcher is about to hand it to a worker
    quiet_s: float | None = None  # a living worker that should have said something has not, for so long
    exit: Exit | None = None  # how the last worker ended, where it ended without a word
    is_kept: bool = False  # a stopped run still has the state to go on from

    @property
    def name(self) -> str:
        """What a person called the run, or else when it started."""
        return run_name(self.run.id, self.title)

    @property
    def latest_curves(self) -> int | None:
        """Changes when there are points to draw that a page may not have yet, at most once in CURVES_S of the run's
        log; what has come since is drawn with the next, or when the run's status changes."""
        return int(self.view.metrics[-1].time // CURVES_S) if self.view.metrics else None

    @property
    def status(self) -> RunStatus:
        """Said of a process only while it lives."""
        return run_status(self.view, self.starting, self.alive, self.progress, self.quiet_s is not None)

    @property
    def can_resume(self) -> bool:
        """Whether it waits to go on."""
        return not self.status.is_live and (not self.view.is_over or self.is_kept)


@dataclass(frozen=True)
class Look:
    """All runs, newest first, and the one in front: who trains, else who spoke last (None before the first run)."""

    current: Snapshot | None = None
    runs: tuple[Snapshot, ...] = ()
    unreadable: tuple[str, ...] = ()  # a sentence for each run that cannot be opened
    lost: str = ""  # the run whose folder vanished while it trained
    discarded: str = ""  # the run that was deleted on request while it trained

    @property
    def training(self) -> bool:
        """Whether a run trains or is being started."""
        return self.current is not None and self.current.status.is_live

    def has(self, chosen: str) -> bool:
        """Whether there still is what a page has chosen."""
        return chosen == NEWEST or any(s.run.id == chosen for s in self.runs)

    def shown(self, chosen: str) -> Snapshot | None:
        """The chosen run, or the one in front where it is NEWEST or gone."""
        return next((s for s in self.runs if s.run.id == chosen), self.current)

    def parent_name(self, run: Snapshot) -> str:
        """Of the run from whose weights this one started, '' where it started from none."""
        if not (parent := run.config.parent_id):
            return ""
        return run_name(parent, next((s.title for s in self.runs if s.run.id == parent), ""))

    @cached_property  # all pages ask the same look
    def checkpoints(self) -> str:
        """Changes whenever a run's checkpoint has come, been replaced, been named anew or gone."""
        saved = [(s.run.id, s.title, s.view.saved.time if s.view.saved else None) for s in self.runs]
        return checksum(saved)

    @cached_property
    def _everything(self) -> str:
        """Changes with how any of the runs stands."""
        rows = [
            (s.run.id, s.status.value, s.wanted, len(s.view.epochs), s.title, s.last_words, s.exit, s.is_kept)
            for s in self.runs
        ]
        return checksum(rows, self.unreadable, self.lost, self.discarded)

    def version_of(self, shown: Snapshot | None) -> "Version":
        """Of a page that shows this run."""
        if shown is None:
            return Version(f"//{self._everything}", self._everything, self._everything)
        view, progress, pinned = shown.view, shown.progress, shown.pinned
        states = f"{checksum(shown.run.id)}/{shown.status}/{self._everything}"
        points = checksum(states, shown.latest_curves, len(view.epochs), len(view.pictures), pinned and pinned.id)
        quiet = shown.quiet_s and shown.quiet_s // QUIET_TOLD_S
        said = view.last and view.last.time, progress and progress.time, quiet
        return Version(states, points, checksum(points, *said))

    def ended_since(self, states: str) -> Snapshot | None:
        """The run that a page with these states saw training and that has ended since. A pause is no end."""
        run, _, status = states.partition("/")
        if status.partition("/")[0] not in _LIVE:
            return None
        shown = next((s for s in self.runs if checksum(s.run.id) == run), None)
        return shown if shown and not shown.status.is_live and shown.status != RunStatus.PAUSED else None


_LIVE = {status for status in RunStatus if status.is_live}


class Version(NamedTuple):
    """One word for each part of a page, short, since every page asks for them every two seconds. A word changes
    whenever its part has something new to show, and each with the one before it."""

    states: str  # which run is shown and how it stands, and how all runs do: the lists and the buttons
    points: str  # the curves, the log, the pinned photo
    status: str  # the card that says how far the run is


def checksum(*values: object) -> str:
    """A short word that changes with the values."""
    return str(zlib.crc32(repr(values).encode()))


class Watcher:
    """Follows every run's log as it grows. Safe to ask from many threads."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._followed: dict[str, _Followed] = {}
        self._guard = threading.Lock()
        self._look = Look()
        self._looked_at = float("-inf")

    def look(self, now: bool = False) -> Look:
        """The runs as they are, at most half a second old; with `now`, as of this moment."""
        with self._guard:
            if now or time.monotonic() - self._looked_at > FRESH_S:
                self._look = self._read()
                self._looked_at = time.monotonic()
            return self._look

    def _read(self) -> Look:
        runs = {run.id: run for run in self.store.runs()}
        self._followed = {run_id: self._followed.get(run_id) or _Followed(run) for run_id, run in runs.items()}
        snapshots = tuple(
            snapshot for followed in self._followed.values() if (snapshot := followed.snapshot()) is not None
        )
        last_word = max(snapshots, key=lambda s: s.view.last.time if s.view.last else s.run.created(), default=None)
        unreadable = tuple(followed.problem for followed in self._followed.values() if followed.problem)
        training = next((s for s in snapshots if s.status.is_live), None)
        return Look(training or last_word, snapshots, unreadable, *(("", "") if training else self._gone(runs)))

    def _gone(self, runs: Container[str]) -> tuple[str, str]:
        """The run that was deleted while it trained, by an accident or on request. Remembered until another run
        trains: the folder that could say it is gone."""
        trained = (s for s in self._look.runs if s.status.is_live)
        gone = next((s for s in trained if s.run.id not in runs), None)
        if gone is None:
            return self._look.lost, self._look.discarded
        asked = gone.wanted == DISCARD or gone.run.id in self.store.deleted()  # a worker may obey before a look sees it
        return ("", gone.run.id) if asked else (gone.run.id, "")


class _Followed:
    """One run's log, read as far as it has grown, and its fold."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._config: TrainConfig | None = None
        self.problem = ""
        self._pinned = PinnedFile(run.picture_path)
        self._forget()

    def _forget(self) -> None:
        self._log = EventLog(self.run.events_path)
        self._events: list[events.Event] = []
        self._view = events.RunView()

    def snapshot(self) -> Snapshot | None:
        """None where the run cannot be read; `problem` says why (a damaged config.json, a newer version)."""
        try:
            self._config, self.problem = self._config or self.run.config(), ""
        except RunError as error:
            self.problem = str(error) if self.run.exists() else ""  # deleted this moment: nothing to say
            return None
        self._follow()
        run, view = self.run, self._view
        can_resume = run.can_resume(view)
        alive = can_resume and run.is_alive()
        progress, now = run.progress() if alive else None, time.time()
        snapshot = Snapshot(
            run=run,
            config=self._config,
            view=view,
            alive=alive,
            progress=progress,
            wanted=run.wanted() if alive else RUN,
            title=run.title(),
            pinned=self._pinned.look(),
            starting=can_resume and not alive and run.is_starting(),
            quiet_s=now - progress.time if is_stalled(progress, self._config.batch_size, now) else None,
            is_kept=can_resume and view.is_over,
        )
        if snapshot.status == RunStatus.INTERRUPTED:
            return replace(snapshot, last_words=last_words(run, view.last), exit=_silent_exit(run, view))
        return snapshot

    def _follow(self) -> None:
        try:
            size = self.run.events_path.stat().st_size
        except FileNotFoundError:
            size = 0
        if size < self._log.offset:  # another run of the same name
            self._forget()
        if new := self._log.read():
            self._events += new
            self._view = events.fold(self._events)


def _silent_exit(run: RunDirectory, view: events.RunView) -> Exit | None:
    """How the worker ended that has left no ending; an older one's exit is no news."""
    exit = run.exit()
    return exit if exit and (view.last is None or exit.time >= view.last.time) else None

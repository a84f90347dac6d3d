"""Looks at the runs folder once for all open pages: a version's view is read and folded once, then shared."""

import threading
import time
from dataclasses import dataclass

from resnet_demo.training import events
from resnet_demo.training.config import TrainConfig
from resnet_demo.training.runs import RUN, EventLog, Progress, RunDirectory, RunError, RunStore

FRESH_S = 0.5  # pages that ask within this time get the same look


@dataclass(frozen=True)
class Snapshot:
    """One run, as it was at `version`."""

    run: RunDirectory
    config: TrainConfig
    view: events.RunView
    alive: bool
    progress: Progress | None
    wanted: str  # of a living worker: run, pause or stop
    log_tail: str

    @property
    def status(self) -> str:
        """training, paused, interrupted, finished, stopped or failed; said of a process only while it lives."""
        if self.view.ended:
            return self.view.ended.outcome
        if self.alive:
            return "training"
        return "paused" if self.view.paused else "interrupted"


@dataclass(frozen=True)
class Look:
    """What a page shows: all runs, newest first, and the one in front (None before the first run)."""

    version: str
    current: Snapshot | None
    runs: tuple[Snapshot, ...]


class Watcher:
    """Follows every run's log as it grows. Safe to ask from many threads."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._followed: dict[str, _Followed] = {}
        self._guard = threading.Lock()
        self._look: Look | None = None
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
        current = next((s for s in snapshots if s.alive), None) or next(iter(snapshots), None)
        return Look(_version(current, len(snapshots)), current, snapshots)


def _version(current: Snapshot | None, runs: int) -> str:
    """Changes whenever a page has something new to show. Its parts, by ' ': see `changed_parts`."""
    if current is None:
        return "none"
    view, progress = current.view, current.progress
    plots = f"{current.run.id}/{len(view.metrics)}/{len(view.epochs)}"
    facts = f"{runs}/{current.status}/{current.wanted}/{view.last.time if view.last else 0}"
    return f"{plots} {facts} {progress.time if progress else 0}"


@dataclass(frozen=True)
class Changed:
    """Which parts of a page are out of date."""

    anything: bool
    plots: bool
    facts: bool


def changed_parts(seen: str, version: str) -> Changed:
    """Compare the version that a page shows with the newest."""
    if seen == version:
        return Changed(False, False, False)
    before, after = [*seen.split(" "), "", ""], [*version.split(" "), "", ""]
    return Changed(True, plots=before[0] != after[0], facts=before[:2] != after[:2])


class _Followed:
    """One run's log, read as far as it has grown, and its fold."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._config: TrainConfig | None = None
        self._forget()

    def _forget(self) -> None:
        self._log = EventLog(self.run.events_path)
        self._events: list[events.Event] = []
        self._view = events.RunView()

    def snapshot(self) -> Snapshot | None:
        """None where the run cannot be read (deleted this moment, or of a newer version)."""
        try:
            self._config = self._config or self.run.config()
        except RunError:
            return None
        self._follow()
        ended = self._view.ended is not None
        alive = not ended and self.run.is_alive()
        return Snapshot(
            run=self.run,
            config=self._config,
            view=self._view,
            alive=alive,
            progress=self.run.progress() if alive else None,
            wanted=self.run.wanted() if alive else RUN,
            log_tail=self.run.log_tail(),
        )

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

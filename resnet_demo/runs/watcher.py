"""Reads the runs folder once for all open pages: what is read of a run is shared, see `snapshot.py`."""

import threading
import time
from collections.abc import Callable, Container
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter, is_, itemgetter
from typing import NamedTuple

from resnet_demo.language import ENGLISH, in_language
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.deletion import deleted_ids
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.queue import Queue
from resnet_demo.runs.snapshot import RunReader, Snapshot, checksum
from resnet_demo.runs.status import RunStatus
from resnet_demo.runs.store import RunStore, checkpoint_key
from resnet_demo.runs.text import run_name
from resnet_demo.runs.worker_files import DISCARD

NEWEST = "newest"  # the choice that follows the run in front
CACHE_TTL_S = 0.5  # pages that ask within this time get the same snapshot
QUIET_TOLD_S = 5  # how often it is told anew for how long a stalled worker has been quiet


@dataclass(frozen=True)
class RunsSnapshot:
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

    @cached_property
    def queue(self) -> tuple[Snapshot, ...]:
        """The planned runs, the next one first."""
        return tuple(sorted((s for s in self.runs if s.status == RunStatus.QUEUED), key=attrgetter("place")))

    def is_own(self, shown: Snapshot) -> bool:
        """Whether who may change runs here may change this one."""
        return True

    def has(self, chosen: str) -> bool:
        """Whether there still is what a page has chosen."""
        return chosen == NEWEST or chosen in self._by_id

    def shown(self, chosen: str) -> Snapshot | None:
        """The chosen run, or the one in front where it is NEWEST or gone."""
        return self._by_id.get(chosen, self.current)

    def newest_checkpoint(self) -> Snapshot | None:
        """See `RunStore.latest_model`."""
        keyed = [(_checkpoint_key(s, s.model_info), s) for s in self.runs if s.model_info]
        return max(keyed, key=itemgetter(0), default=(None, None))[1]

    def parent_name(self, run: Snapshot) -> str:
        """Of the run from whose weights this one started, '' where it started from none."""
        if not (parent := run.config.parent_id):
            return ""
        return next((s.name for s in self.runs if s.run.id == parent), run_name(parent, ""))

    @cached_property
    def _by_id(self) -> dict[str, Snapshot]:
        return {snapshot.run.id: snapshot for snapshot in self.runs}

    # All pages ask the same snapshot.

    @cached_property
    def checkpoints(self) -> str:
        """Changes whenever a run's checkpoint has come, been replaced, been named anew or gone."""
        return checksum([s.checkpoint_version for s in self.runs])

    @cached_property
    def rows(self) -> str:
        """Changes whenever a table of all runs has something new to show."""
        return checksum([s.row_version for s in self.runs], self.unreadable)

    @cached_property
    def _everything(self) -> str:
        """Changes with how any of the runs stands."""
        return checksum([s.state_version for s in self.runs], self.unreadable, self.lost, self.discarded)

    def version_of(self, shown: Snapshot | None) -> "Version":
        """Of a page that shows this run."""
        if shown is None:
            return Version(self._everything, self._everything, self._everything)
        view, progress, pinned = shown.view, shown.progress, shown.pinned
        states = checksum(shown.run.id, self._everything)
        points = checksum(
            states, shown.latest_curves, len(view.epochs), len(view.predictions), pinned and pinned.id, shown.is_partial
        )
        quiet = shown.quiet_s and shown.quiet_s // QUIET_TOLD_S
        said = view.last and view.last.time, progress and progress.time, quiet
        return Version(states, points, checksum(points, *said))

    def ended(self, run_id: str) -> Snapshot | None:
        """This run, which trained, if it has ended since. A pause is no end."""
        seen = next((s for s in self.runs if s.run.id == run_id), None)
        return seen if seen and not seen.status.is_live and seen.status != RunStatus.PAUSED else None


class Version(NamedTuple):
    """One short text for each part of a page, since every page polls for them every two seconds. It changes
    whenever its part has something new to show, and each with the one before it."""

    states: str  # which run is shown and how it stands, and how all runs do: the lists and the buttons
    points: str  # the curves, the log, the pinned image
    status: str  # the card that says how far the run is


class Watcher:
    """Follows every run's log as it grows. Safe to ask from many threads."""

    def __init__(self, store: RunStore) -> None:
        self.store = store
        self._folders: dict[tuple[str, bool], RunDirectory] = {}
        self._readers: dict[str, RunReader] = {}
        self._seen: list[Snapshot | None] = []  # by each reader, the last time
        self._background: ThreadPoolExecutor | None = None
        self._guard = threading.Lock()
        self._snapshot = RunsSnapshot()
        self._taken_at = float("-inf")

    def snapshot(self, now: bool = False) -> RunsSnapshot:
        """The runs as they are, at most half a second old; with `now`, as of this moment."""
        with self._guard:
            if now or time.monotonic() - self._taken_at > CACHE_TTL_S:
                with in_language(ENGLISH):  # whoever asks first, all pages share what is told
                    self._snapshot = self._read()
                self._taken_at = time.monotonic()
            return self._snapshot

    def whole_snapshot(self) -> RunsSnapshot:
        """The runs as of this moment, once long logs are folded, too: for whoever looks only once."""
        while any(s.is_partial for s in self.snapshot(now=True).runs):
            self._in_background(lambda: None).result()  # done after all that is under way there
        return self._snapshot

    def _read(self) -> RunsSnapshot:
        known = self._readers
        folders = list(self.store.all_folders(self._folders))
        if not (len(folders) == len(known) and all(map(is_, folders, self._folders.values()))):
            self._folders = {(run.path.name, run.is_shipped): run for run in folders}
            self._readers = {run.id: known.get(run.id) or RunReader(run, self._in_background) for run in folders}
        places = self._places()
        seen = [reader.snapshot(places.get(reader.run) if places else None) for reader in self._readers.values()]
        before = self._seen
        self._seen = seen
        unreadable = tuple(sorted(reader.problem for reader in self._readers.values() if reader.problem))
        same = len(seen) == len(before) and all(map(is_, seen, before))
        if same and unreadable == self._snapshot.unreadable:
            return self._snapshot  # with all that is derived from it
        snapshots = [snapshot for snapshot in seen if snapshot is not None]
        snapshots.sort(key=lambda s: (not s.run.is_shipped, s.created, s.run.id), reverse=True)
        training = next((s for s in snapshots if s.status.is_live), None)
        if training:
            return RunsSnapshot(training, tuple(snapshots), unreadable)
        there = zip(self._readers.values(), seen, strict=True)
        gone = self._gone({reader.run.id for reader, snapshot in there if snapshot or reader.problem})
        return RunsSnapshot(max(snapshots, key=_trained_last, default=None), tuple(snapshots), unreadable, *gone)

    def _places(self) -> dict[RunDirectory, tuple[int, int]]:
        """Each planned run's, as `Snapshot.place`."""
        planned = Queue(self.store.folder).runs()
        return {run: (place, len(planned)) for place, run in enumerate(planned, 1)}

    def _in_background(self, work: Callable[[], None]) -> Future:
        """One long log after the other."""
        if self._background is None:
            self._background = ThreadPoolExecutor(1, "long logs")
        return self._background.submit(work)

    def _gone(self, runs: Container[str]) -> tuple[str, str]:
        """The run that was deleted while it trained, by an accident or on request. Remembered until another run
        trains: the folder that could say it is gone."""
        trained = (s for s in self._snapshot.runs if s.status.is_live)
        gone = next((s for s in trained if s.run.id not in runs), None)
        if gone is None:
            return self._snapshot.lost, self._snapshot.discarded
        asked = gone.wanted == DISCARD or gone.run.id in deleted_ids(self.store)  # a worker may obey before it is seen
        return ("", gone.run.id) if asked else (gone.run.id, "")


def _trained_last(snapshot: Snapshot) -> tuple[bool, bool, int, float]:
    """Runs of one's own come before those that came with the project, and before those that are planned. Clocks decide
    where nothing else does: between runs of before, and those that have not been trained."""
    return (
        not snapshot.run.is_shipped,
        snapshot.status != RunStatus.QUEUED,
        snapshot.order,
        snapshot.view.last.time if snapshot.view.last else snapshot.created,
    )


def _checkpoint_key(snapshot: Snapshot, info: ModelInfo) -> tuple:
    saved = snapshot.view.saved
    key = checkpoint_key(info, snapshot.order, saved.time if saved else 0.0)
    return not snapshot.run.is_shipped, *key

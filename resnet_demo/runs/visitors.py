"""The runs of visitors, where a GPU is lent to whoever asks for one (ZeroGPU). Each visitor has a folder of their own
below the folder of runs, with one run in it. Imports no torch.

    checkpoints/.visitors/<a digest of the visitor's cookie>/<run id>/
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from filelock import FileLock

from resnet_demo.errors import UserError
from resnet_demo.language import t
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.deletion import delete_run
from resnet_demo.runs.directory import VISITORS, RunDirectory, RunError
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.store import KnownFolders, RunStore
from resnet_demo.runs.watcher import RunsSnapshot, Watcher

KEPT_S = 2 * 86_400.0  # after its last step: what a quota has interrupted goes on a day later
MAX_EPOCHS = 30
TOO_LARGE = ("resnet101", "resnet152")
RUN_BYTES = 1_000_000_000  # of a ResNet-50: its resume state, its checkpoint, and those of five epochs
MAX_BYTES_IN_ALL = 20_000_000_000
LEAST_FREE_BYTES = 3_000_000_000


class VisitorError(UserError):
    """What a visitor may not do: a sentence for people."""


class VisitorStore(RunStore):
    """One visitor's folder. The Space's own runs are listed beside what is in it, and are only looked at."""

    def __init__(self, space: RunStore, visitor: str) -> None:
        """`visitor` names the folder: whoever makes the store makes the name."""
        super().__init__(space.folder / VISITORS / visitor)
        self.space = space

    def all_folders(self, known: KnownFolders = MappingProxyType({})) -> Iterator[RunDirectory]:
        own = list(self.folders())
        yield from own
        taken = {run.id for run in own}
        yield from (run for run in self.space.all_folders(known) if run.id not in taken)

    def latest_model(self) -> RunDirectory | None:
        """The visitor's own before the Space's: their numbers are of two folders."""
        return RunStore(self.folder).latest_model() or self.space.latest_model()

    def create(
        self,
        config: TrainConfig,
        name: str | None = None,
        first_weights: Path | None = None,
        is_planned: bool = False,
    ) -> RunDirectory:
        """Takes the place of a run that has ended. Raises VisitorError for what is beyond a visitor's limits: more than
        one run, too."""
        if is_planned:
            raise VisitorError(t("On ZeroGPU runs cannot be planned. Start one when you are here."))
        refuse_beyond_limits(config)
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".create.lock"):  # of two tabs the second finds the first one's run
            for earlier in self.runs():
                if not earlier.view().is_over:
                    raise VisitorError(t("You have a run that has not ended. Press Resume, or delete it first."))
            sweep(self.space)
            refuse_without_room(self.space)
            for earlier in self.runs():
                delete_run(self, earlier)
            return super().create(config, name, first_weights)


def refuse_beyond_limits(config: TrainConfig) -> None:
    """Raises VisitorError."""
    if config.epochs > MAX_EPOCHS:
        told = t("A visitor's run has at most {most} epochs, not {epochs}.", most=MAX_EPOCHS, epochs=config.epochs)
        raise VisitorError(told)
    if config.arch in TOO_LARGE:
        raise VisitorError(t("A visitor's network has at most the weights of a ResNet-50. Choose a smaller one."))
    if config.start_from:
        raise VisitorError(t("A visitor's run starts from random weights. Choose these under Advanced settings."))


def refuse_without_room(space: RunStore) -> None:
    """Raises VisitorError where another run of RUN_BYTES could fill what there is for all visitors, or the disk."""
    space.folder.mkdir(parents=True, exist_ok=True)
    taken = sum(run.size_bytes() for store in _stores(space) for run in store.runs())
    free = shutil.disk_usage(space.folder).free
    if taken + RUN_BYTES > MAX_BYTES_IN_ALL or free < LEAST_FREE_BYTES + RUN_BYTES:
        raise VisitorError(t("The disk has no room for another visitor's run now. Try again in a few hours."))


def sweep(space: RunStore) -> None:
    """Delete what nobody has trained for KEPT_S; a run that trains stays."""
    oldest = time.time() - KEPT_S
    for store in _stores(space):
        runs = store.runs()
        if max([_folder_changed_at(store.folder), *(run.last_logged_at() for run in runs)]) > oldest:
            continue
        with suppress(RunError):
            for run in runs:
                delete_run(store, run)
            shutil.rmtree(store.folder, ignore_errors=True)


def _stores(space: RunStore) -> list[RunStore]:
    folder = space.folder / VISITORS
    return [RunStore(path) for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _folder_changed_at(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:  # gone this moment
        return 0.0


@dataclass(frozen=True)
class VisitorSnapshot(RunsSnapshot):
    """A visitor's runs, and the Space's beside them."""

    own: RunsSnapshot = field(default_factory=RunsSnapshot)

    @classmethod
    def of(cls, own: RunsSnapshot, space: RunsSnapshot) -> "VisitorSnapshot":
        taken = {snapshot.run.id for snapshot in own.runs}
        others = tuple(snapshot for snapshot in space.runs if snapshot.run.id not in taken)
        unreadable = own.unreadable + space.unreadable
        return cls(own.current or space.current, own.runs + others, unreadable, own.lost, own.discarded, own)

    @property
    def training(self) -> bool:
        """None of the Space's runs keeps a visitor from training."""
        return self.own.training

    def is_own(self, shown: Snapshot) -> bool:
        return any(shown is snapshot for snapshot in self.own.runs)


class VisitorWatcher(Watcher):
    """Follows the visitor's folder; what the Space's watcher has read is read for everyone."""

    def __init__(self, store: VisitorStore, space: Watcher) -> None:
        super().__init__(RunStore(store.folder))
        self._space = space
        self._both = VisitorSnapshot()
        self._of: tuple[RunsSnapshot | None, RunsSnapshot | None] = (None, None)

    def snapshot(self, now: bool = False) -> RunsSnapshot:
        own, space = super().snapshot(now), self._space.snapshot(now)
        with self._guard:
            if self._of[0] is not own or self._of[1] is not space:
                self._of, self._both = (own, space), VisitorSnapshot.of(own, space)
            return self._both

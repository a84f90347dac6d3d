"""The queue of a folder of runs: which planned runs are to be trained, in order. A planned run is a run directory that
nobody has begun. Imports no torch.

Nothing here starts a run. Whoever has trained one to its end starts the next (`workers/launcher.py`); a run leaves the
queue at the moment in which its worker holds the training lock (`RunStore.training`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from resnet_demo.errors import UserError, disk_advice
from resnet_demo.files import read_json, replace_json
from resnet_demo.language import t
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.fold import RunView

MAX_PLANNED = 200
CHANGE_TIMEOUT_S = 5.0  # a change takes milliseconds


class QueueError(UserError):
    """A queue that cannot be changed as wanted: a sentence for people."""


class Queue:
    """The planned runs of one folder. Holds nothing: what is true stands in queue.json."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "queue.json"

    def ids(self) -> list[str]:
        """The names of the planned runs' folders, the next one first. Without a file, or with one that cannot be read,
        there are none; what is in it and is no folder here, counts as nothing."""
        names = (read_json(self._path) or {}).get("runs")
        known = dict.fromkeys(name for name in names if isinstance(name, str)) if isinstance(names, list) else {}
        return [name for name in list(known)[:MAX_PLANNED] if self._is_here(name)]

    def runs(self) -> list[RunDirectory]:
        """The same as runs."""
        return [RunDirectory(self.folder / name) for name in self.ids()]

    def __contains__(self, run: RunDirectory) -> bool:
        return run.path.name in self.ids()

    def add(self, run: RunDirectory) -> None:
        """Put it last; one that is planned already stays where it is. Raises QueueError, as all changes do."""
        with self._changing() as ids:
            if run.path.name not in ids:
                if len(ids) >= MAX_PLANNED:
                    raise QueueError(
                        t(
                            "{number} runs are planned already. Remove some, or let them train first.",
                            number=MAX_PLANNED,
                        )
                    )
                ids.append(run.path.name)

    def remove(self, run: RunDirectory) -> None:
        """Nothing where it is not planned."""
        if run in self:
            with self._changing() as ids:
                ids[:] = [name for name in ids if name != run.path.name]

    def move(self, run: RunDirectory, place: int) -> None:
        """To this place, 1 for the next; beyond the ends means at the end. Raises QueueError, too, where it is not
        planned (any more)."""
        with self._changing() as ids:
            if run.path.name not in ids:
                raise QueueError(t("'{run}' is not in the queue (any more).", run=run.id))
            ids.remove(run.path.name)
            ids.insert(max(0, place - 1), run.path.name)

    def _is_here(self, name: str) -> bool:
        """A name is looked up, never made a path: this file may come from anywhere."""
        try:
            return name == Path(name).name != "" and not name.startswith(".") and (self.folder / name).is_dir()
        except OSError:  # too long for any file, or not to be looked at
            return False

    @contextmanager
    def _changing(self) -> Iterator[list[str]]:
        """The ids to be changed in place: read, changed and written under a lock, so that of two changes none is
        lost."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / ".queue.lock").acquire(timeout=CHANGE_TIMEOUT_S, poll_interval=0.02):
                ids = self.ids()
                before = list(ids)
                yield ids
                if ids != before:
                    replace_json(self._path, {"runs": ids})
        except Timeout as error:
            raise QueueError("Another process is changing the queue. Try again in a moment.") from error
        except OSError as error:
            raise QueueError(
                t(
                    "The queue in '{folder}' could not be written ({reason}). {advice}, then try again.",
                    folder=self.folder,
                    reason=error.strerror,
                    advice=t(disk_advice(error)),
                )
            ) from error


def goes_on_after(view: RunView) -> bool:
    """Whether the next planned run is started by itself after a run whose log this is. A person who has paused one, or
    killed it, wants the machine; and what made a run fail before anything was saved may well make all others fail,
    unless its own settings did."""
    ended = view.ended
    return ended is not None and (ended.outcome != "failed" or ended.comes_again or view.saved is not None)

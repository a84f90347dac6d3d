"""The folder that holds runs: which there are, the newest checkpoint, one training at a time. Imports no torch."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from filelock import FileLock, Timeout

from resnet_demo.errors import disk_advice
from resnet_demo.files import replace_file
from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.config import FROM_FILE, TrainConfig
from resnet_demo.runs.directory import ASIDE, RunDirectory, RunError, is_shipped_folder
from resnet_demo.runs.event_log import LogError
from resnet_demo.runs.queue import Queue, QueueError
from resnet_demo.runs.worker_files import is_held
from resnet_demo.text import is_unicode, printable

LOCK_TIMEOUT_S = 5.0  # whoever looks at a lock holds it for a moment
NO_CHECKPOINT = "There is no trained checkpoint yet. Start a training: the first comes after a minute, or an epoch."
NO_SUCH_RUN = "There is no such run (any more). Choose one from the list."

KnownFolders = Mapping[tuple[str, bool], RunDirectory]  # by their names, and whether they came with the project


class RunStore:
    """The folder that holds runs. One training at a time in it, however many apps and tabs look. Beside its own runs it
    lists those of the folder `shipped`, which are only looked at."""

    def __init__(self, folder: Path, shipped: Path | None = None) -> None:
        self.folder, self.shipped = folder, shipped
        self._is_shipped = is_shipped_folder(folder)  # once: each poll lists the folders

    def runs(self) -> list[RunDirectory]:
        """Its own runs, newest first."""
        return _newest_first(self.folders())

    def all_runs(self) -> list[RunDirectory]:
        """Its own runs, then those that came with the project, each newest first."""
        runs = _newest_first(self.all_folders())
        return sorted(runs, key=lambda run: run.is_shipped)

    def checkpoints(self) -> list[tuple[RunDirectory, ModelInfo]]:
        """Of `all_runs`, those that have a checkpoint, with what its header says; no weights are read."""
        return [(run, info) for run in self.all_runs() if (info := run.model_info())]

    def folders(self) -> Iterator[RunDirectory]:
        """What may be a run of its own, in no order; no file is opened."""
        return _folders(self.folder, self._is_shipped)

    def all_folders(self, known: KnownFolders = MappingProxyType({})) -> Iterator[RunDirectory]:
        """The same, with those that came with the project and whose names no other has. Those that are `known` already
        are taken from there: to make a thousand paths at each poll costs more than to list their names."""
        own = list(_folders(self.folder, self._is_shipped, known))
        yield from own
        if self.shipped:
            taken = {run.id for run in own}
            yield from (run for run in _folders(self.shipped, True, known) if run.id not in taken)

    def get(self, run_id: str) -> RunDirectory:
        """Raises RunError for anything but the id of a run that is there: an id is looked up, never made a path."""
        run = next((run for run in self.all_folders() if run.id == run_id), None)
        if run is None or not run.exists():
            raise RunError(NO_SUCH_RUN)
        return run

    def get_own(self, run_id: str) -> RunDirectory:
        """The same, where the run is to be changed: raises RunError, too, for one that is only looked at."""
        run = self.get(run_id)
        run.refuse_if_shipped()
        if run not in self.folders():
            raise RunError("This run is not yours, so it stays as it is. Choose a run of your own.")
        return run

    def parent(self, config: TrainConfig) -> RunDirectory | None:
        """The run whose weights `config` starts from, if any. Raises RunError where that is not possible."""
        if config.parent_id is None:
            return None
        try:
            parent = self.get(config.parent_id)
        except RunError as error:
            told = t("There is no run '{run}' in '{folder}' to start from.", run=config.parent_id, folder=self.folder)
            raise RunError(told) from error
        info = parent.model_info()
        if info is None:
            raise RunError(
                t("The run '{run}' has no whole checkpoint to start from. Let it train to a save first.", run=parent.id)
            )
        if info.arch != config.arch:
            raise RunError(
                t(
                    "The run '{run}' trained a {trained}, whose weights do not fit a {wanted}. Choose {trained}, or "
                    "start from other weights.",
                    run=parent.id,
                    trained=info.arch,
                    wanted=config.arch,
                )
            )
        if info.shortcut != (shortcut := config.network().shortcut):
            raise RunError(
                t(
                    "The run '{run}' trained a {network} with the shortcuts {trained}, whose weights do not fit the "
                    "shortcuts {wanted}. Choose {trained}, or start from other weights.",
                    run=parent.id,
                    network=info.arch,
                    trained=info.shortcut,
                    wanted=shortcut,
                )
            )
        return parent

    def create(
        self,
        config: TrainConfig,
        name: str | None = None,
        first_weights: Path | None = None,
        is_planned: bool = False,
    ) -> RunDirectory:
        """A new run directory with its config.json, and a copy of the file whose weights it starts from; where it
        `is_planned`, also the last of the queue. Raises RunError where the folder cannot be written or is that of the
        shipped runs, or where the run that it is to start from cannot be started from, ConfigError and QueueError. What
        that one was tested on, this one is, too."""
        config.refuse_as_new()
        if config.start_from == FROM_FILE and first_weights is None:
            raise RunError(
                "Weights of a file are named on the command line: train --start-from file:PATH. Choose others here."
            )
        if self._is_shipped:
            raise RunError("The folder of the runs that came with resnet_demo takes no others. Choose another folder.")
        parent = self.parent(config)
        if parent and (earlier := parent.config()).data == config.data:
            config = replace(config, split=earlier.split)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self._unused(config) if name is None else self._named(name)
            return self._fill(RunDirectory(path), config, first_weights, is_planned)
        except OSError as error:
            raise RunError(
                t(
                    "No run can be made in '{folder}' ({reason}). {advice}, or choose another folder with --runs.",
                    folder=self.folder,
                    reason=error.strerror,
                    advice=t(disk_advice(error)),
                )
            ) from error

    def _fill(
        self, run: RunDirectory, config: TrainConfig, first_weights: Path | None, is_planned: bool
    ) -> RunDirectory:
        """Write the files of a new run. Where one cannot be written nothing of the run is left."""
        try:
            if first_weights:
                replace_file(run.first_weights_path, lambda temporary: shutil.copyfile(first_weights, temporary))
            if is_planned:
                Queue(self.folder).add(run)  # before there is its config.json: nobody sees it as interrupted
            run.write_config(config)
            if not is_planned:  # else it would come to the front before it has been trained
                self.put_last(run)
        except (QueueError, OSError):
            with suppress(QueueError):  # on a full disk: it names a folder that is gone, which counts as nothing
                Queue(self.folder).remove(run)
            shutil.rmtree(run.path, ignore_errors=True)
            raise
        return run

    def put_last(self, run: RunDirectory) -> None:
        """Give the run a number higher than that of all others: it is the one that is written now."""
        run.write_order(1 + max((other.order() for other in self.folders() if other != run), default=0))

    def _named(self, name: str) -> Path:
        if not name:  # of '/', whose folder it is itself
            raise RunError("The root folder can be no run. Name a folder of its own, such as checkpoints/first.")
        path = self.folder / name
        if not is_unicode(str(path)):  # it could be trained, but its checkpoint could not be written
            raise RunError(f"The path '{printable(str(path))}' is no UTF-8. Choose another name for the run's folder.")
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

    def active(self) -> RunDirectory | None:
        """The run that is training now, if any."""
        if not is_held(self.folder / ".training.lock"):
            return None
        by_last_logged = sorted(self.folders(), key=RunDirectory.last_logged_at, reverse=True)
        return next((run for run in by_last_logged if run.exists() and run.is_alive()), None)

    def latest_model(self) -> RunDirectory | None:
        """The run whose checkpoint answers where nobody has chosen one. One whose accuracy has been measured comes
        before one of a training that has just begun; then the one that was trained last in this store, by the numbers
        that `put_last` gives: a copy of the folder changes the files' times, and a clock may have been wrong. One
        that came with the project answers where no other can."""
        found = [
            ((not run.is_shipped, *checkpoint_key(info, run.order(), 0.0)), run) for run, info in self.checkpoints()
        ]
        best = max((key for key, _ in found), default=None)
        equal = [run for key, run in found if key == best]
        return equal[0] if len(equal) == 1 else max(equal, key=_saved_at, default=None)

    @contextmanager
    def training(self, run: RunDirectory) -> Iterator[None]:
        """Hold the folder's and the run's lock; what was asked of the run before is done with. Raises RunError that
        names who trains already, or says why there can be no lock; and for a shipped run."""
        run.refuse_if_shipped()
        with ExitStack() as held:
            try:
                held.enter_context(FileLock(self.folder / ".training.lock").acquire(timeout=LOCK_TIMEOUT_S))
                with run.lock.acquire(timeout=LOCK_TIMEOUT_S):  # a worker that came by a link is under another
                    pass  # folder's lock: what was asked of it stays. Nobody who looks takes this moment for a worker.
                with suppress(PermissionError):  # then the worker's first word fails, too, and is said in the run
                    run.forget_request()  # made to an earlier worker: before others see this one, and ask it
                    run.forget_worker()
                held.enter_context(run.lock.acquire(timeout=LOCK_TIMEOUT_S))
            except Timeout as error:
                active = self.active()
                name = f"'{active.id}'" if active else "another run"
                raise RunError(
                    f"{name} is training in this folder already, and only one training can run at a time. Stop "
                    "or pause it first."
                ) from error
            except OSError as error:
                raise RunError(
                    f"Nothing can be written in '{run.path}' ({error.strerror}). {disk_advice(error)}, then "
                    "start again."
                ) from error
            with suppress(QueueError):  # then the worker's first word fails, too, and is said in the run
                Queue(self.folder).remove(run)
            yield


def checkpoint_key(info: ModelInfo, order: int, saved_at: float) -> tuple[bool, int, float]:
    """What the checkpoint that answers by default has the highest of; `saved_at` is what its log says."""
    return info.accuracy is not None, order, saved_at


def _saved_at(run: RunDirectory) -> float:
    try:
        saved = run.view().saved
    except LogError:  # which says nothing
        return 0.0
    return saved.time if saved else 0.0


def _folders(folder: Path, is_shipped: bool, known: KnownFolders = MappingProxyType({})) -> Iterator[RunDirectory]:
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(ASIDE) and _is_folder(entry):
                yield known.get((entry.name, is_shipped)) or RunDirectory(folder / entry.name, is_shipped)


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # of a link to itself, or to where nobody may look
        return False


def _newest_first(folders: Iterable[RunDirectory]) -> list[RunDirectory]:
    found = (run for run in folders if run.exists())
    return sorted(found, key=lambda run: (run.created(), run.id), reverse=True)

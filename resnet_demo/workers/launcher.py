"""Starts, pauses, resumes, stops and discards workers, finds running workers and records how ended ones ended. A worker
is a process of its own: it outlives the page, the tab and the app. Finding one takes nothing but a look at the runs
folder."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from resnet_demo.errors import UserError
from resnet_demo.language import t
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.deletion import delete_run, discard_unborn
from resnet_demo.runs.directory import RunDirectory, RunError
from resnet_demo.runs.event_log import LogError
from resnet_demo.runs.exit_reason import exit_words
from resnet_demo.runs.keep import environment_elsewhere
from resnet_demo.runs.planning import plan_runs
from resnet_demo.runs.queue import Queue, QueueError, goes_on_after
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.worker_files import DISCARD, PAUSE, STOP, Exit

PROJECT = Path(__file__).resolve().parents[2]
WORKER_PRIORITY = 5  # Unix niceness: the page answers while all cores train; more would starve it beside other work
START_TIMEOUT_S = 30.0
HANDOVER_S = 0.5  # from a worker's end until it starts the next; it takes milliseconds
STARTED_TWICE_S = 0.5  # whoever looks at a lock holds it for a moment


class LaunchError(UserError):
    """A worker that did not start or end as wanted: a sentence for people."""


class SecondError(LaunchError):
    """Another run trains already."""


class Launcher:
    """Acts on the runs of one folder. Holds no state but who is just starting: what is true stands in the folder."""

    def __init__(self, store: RunStore, data_dir: Path) -> None:
        self.store, self.data_dir = store, data_dir
        self._starting = threading.Lock()

    def start(self, config: TrainConfig) -> RunDirectory:
        """Make a run and train it. Raises LaunchError, RunError, ConfigError."""
        with self._starting:
            self._refuse_second()
            run = self.store.create(config)
            try:
                self._spawn(run)
            except SecondError:
                discard_unborn(self.store, run)
                raise
        return run

    def resume(self, run: RunDirectory, moved_to: str = "") -> None:
        """Go on with a paused, interrupted, stopped or failed run, whose images may have `moved_to` another source.
        Raises LaunchError, and RunError for a shipped run."""
        run.refuse_if_shipped()
        with self._starting:
            self._refuse_second()
            if not run.can_resume(run.view()):
                raise LaunchError(t("The run '{run}' has ended, so there is nothing to resume.", run=run.id))
            self._spawn(run, moved_to)

    def plan(self, configs: Sequence[TrainConfig], start: bool = False) -> list[RunDirectory]:
        """Plan these runs, all or none, after those that are planned already. With `start` the queue goes on where
        nothing trains. Raises RunError, ConfigError, QueueError, LaunchError."""
        with self.planning(start):
            return plan_runs(self.store, configs)

    @contextmanager
    def planning(self, start: bool = False) -> Iterator[None]:
        """Around what plans runs. Without `start`, too, the queue goes on where a worker has ended meanwhile: it may
        have found the queue still empty."""
        before = self.store.active()
        yield
        with suppress(SecondError):  # what trains goes on with the queue when it ends
            if self.store.active() is None and (start or (before and self.goes_on_after(before))):
                self.start_next()

    def start_next(self) -> RunDirectory | None:
        """Train the first of the planned runs that can be; None where there is none. Raises SecondError where another
        run trains, and leaves the queue as it is. Raises LaunchError where the process does not come to train: that run
        leaves the queue and says why, and the others wait."""
        with self._starting:
            self._refuse_second()
            for run in Queue(self.store.folder).runs():
                if not _can_begin(run):
                    Queue(self.store.folder).remove(run)
                    continue
                try:
                    self._spawn(run, is_planned=True)
                except SecondError:
                    raise
                except LaunchError:
                    with suppress(OSError, QueueError):  # of a full disk the sentence that is raised may tell
                        self.store.put_last(run)  # to the front, where its card says how it ended
                        Queue(self.store.folder).remove(run)
                    raise
                return run
        return None

    def goes_on_after(self, run: RunDirectory) -> bool:
        """Whether the next planned run is to be started by itself now that this one's worker has ended. Not where a
        pause was asked for too late to be obeyed, as by an app that ends."""
        if not run.exists():  # discarded
            return True
        try:
            return run.wanted() != PAUSE and goes_on_after(run.view())
        except LogError:
            return False

    def active(self) -> RunDirectory | None:
        """The run that trains; one that is being started, here or by another app, is waited for. Between two planned
        runs there is none for a moment: then, the next."""
        with self._starting:  # held until a worker has its lock, or has failed to
            pass
        moment, give_up = time.monotonic() + HANDOVER_S, time.monotonic() + START_TIMEOUT_S
        while True:
            starts = any(run.is_starting() for run in self.store.folders())  # first: a start may end in a training run
            if run := self.store.active():
                return run
            if time.monotonic() > (give_up if starts else moment) or not (starts or Queue(self.store.folder).ids()):
                return None
            time.sleep(0.05)

    def pause(self, run: RunDirectory) -> None:
        """Ask this run's worker to save and end. Raises LaunchError where it does not train."""
        self._request(run, PAUSE)

    def stop(self, run: RunDirectory) -> None:
        """Ask this run's worker to save and be done. Raises LaunchError where it does not train."""
        self._request(run, STOP)

    def discard(self, run: RunDirectory) -> None:
        """End the run without saving and delete its folder: a living worker does it within one step, and does not
        keep the caller waiting. Raises RunError."""
        with self._starting:
            try:
                if run.is_alive():
                    run.request(DISCARD)
                else:
                    delete_run(self.store, run)
            except (RunError, FileNotFoundError):
                if run.exists():  # else another was faster
                    raise

    def wait_until_idle(self, timeout_s: float) -> bool:
        """Whether no worker is left within the time."""
        deadline = time.monotonic() + timeout_s
        while self.store.active():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    def _request(self, run: RunDirectory, wanted: str) -> None:
        with self._starting:  # a run that is just being started can be stopped, too
            if not run.is_alive():
                raise LaunchError(t("'{run}' is not training now.", run=run.id))
            run.ask(wanted)

    def _refuse_second(self) -> None:
        if active := self.store.active():
            raise SecondError(t("'{run}' is training already. Pause it or let it finish first.", run=active.id))

    def _spawn(self, run: RunDirectory, moved_to: str = "", is_planned: bool = False) -> None:
        """Start the command a person may type, and wait until it holds the run's lock. Not `train --run`: that
        would make a new run where this one has been deleted meanwhile. Raises SecondError where another was quicker,
        also with a run that `is_planned`, which leaves the queue then."""
        command = [sys.executable, "-m", "resnet_demo", "resume", str(run.path.absolute())]
        command += ["--data-dir", str(self.data_dir.absolute()), "--json"]
        command += ["--data", moved_to] if moved_to else []
        said = _log_bytes(run)
        with shown_as_starting(run):
            self._refuse_second()  # whose start was just over when this one could begin
            if is_planned and run not in Queue(self.store.folder):
                raise SecondError(
                    t("'{run}' does not wait in the queue any more: it has been started, or removed.", run=run.id)
                )
            with run.log_path.open("ab") as log:
                child = subprocess.Popen(
                    command,
                    cwd=PROJECT,
                    env=environment_elsewhere(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            began = threading.Event()
            burial = threading.Thread(target=_bury, args=(child, run, began), daemon=True)
            burial.start()
            with suppress(psutil.NoSuchProcess):  # it may have ended already; why is said below
                process = psutil.Process(child.pid)
                process.nice(max(process.nice(), WORKER_PRIORITY))  # lower than it is already only root may set it
            deadline = time.monotonic() + START_TIMEOUT_S
            while not run.is_alive():
                if child.poll() is not None:
                    if _log_bytes(run) > said:  # so short that it is over already
                        began.set()
                        return
                    burial.join()
                    self._refuse_second()  # another was quicker
                    raise LaunchError(
                        t(
                            "The training process ended {how} before it began. {said}",
                            how=exit_words(child.returncode),
                            said=_last_line(run),
                        )
                    )
                if time.monotonic() > deadline:
                    kill_tree(child.pid)  # it holds no lock, so there is nothing to save
                    burial.join()
                    raise LaunchError(
                        t(
                            "The training process did not start within {seconds} s, so it was ended. {said}",
                            seconds=f"{START_TIMEOUT_S:.0f}",
                            said=_last_line(run),
                        )
                    )
                time.sleep(0.05)
            began.set()


@contextmanager
def shown_as_starting(run: RunDirectory) -> Iterator[None]:
    """Whoever looks meanwhile, also another app, sees a run that is being started. Left by whatever thread. Raises
    SecondError where it is being started already."""
    run.forget_worker()
    lock = FileLock(run.start_path, thread_local=False)
    try:
        lock.acquire(timeout=STARTED_TWICE_S)
    except Timeout as error:
        raise SecondError(t("'{run}' is being started already.", run=run.id)) from error
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):  # on Windows while another looks at it
            run.start_path.unlink()


def _bury(child: subprocess.Popen, run: RunDirectory, began: threading.Event) -> None:
    """Wait for the process, however long that takes, and keep in its run how it ended."""
    code = child.wait()
    with suppress(OSError):  # of a full disk the worker itself has told
        run.write_exit(Exit(code, time.time(), began.is_set()))


def _can_begin(run: RunDirectory) -> bool:
    """What cannot be read says so in the list of runs; what has ended is planned only where the queue could not be
    written when it began."""
    try:
        run.config()
        return not run.view().is_over
    except (RunError, LogError):
        return False


def _log_bytes(run: RunDirectory) -> int:
    return run.events_path.stat().st_size if run.events_path.exists() else 0


def kill_tree(process_id: int) -> None:
    """SIGKILL to the process and all its children: torchrun's are in sessions of their own."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(process_id)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                one.kill()


def _last_line(run: RunDirectory) -> str:
    """In a sentence."""
    lines = [line for line in run.log_tail().splitlines() if line.strip()]
    return t("Its last line: {line}", line=lines[-1]) if lines else t("It has not said why.")

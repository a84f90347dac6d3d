"""Starts, pauses, resumes, stops, discards, adopts and buries workers. A worker is a process of its own: it outlives
the page, the tab and the app. Adopting one takes nothing but a look at the runs folder."""

import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil

from resnet_demo.errors import UserError
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import DISCARD, PAUSE, STOP, RunDirectory, RunError
from resnet_demo.runs.store import RunStore

PROJECT = Path(__file__).resolve().parents[2]
WORKER_PRIORITY = 5  # Unix niceness: the page answers while all cores train; more would starve it beside other work
START_TIMEOUT_S = 30.0


class LaunchError(UserError):
    """A worker that did not start or end as wanted: a sentence for people."""


class Launcher:
    """Acts on the runs of one folder. Holds no state but who is just starting: what is true stands in the folder."""

    def __init__(self, store: RunStore, data_dir: Path) -> None:
        self.store, self.data_dir = store, data_dir
        self._starting = threading.Lock()

    def start(self, config: TrainConfig) -> RunDirectory:
        """Make a run and train it. Raises LaunchError or RunError."""
        with self._starting:
            self._refuse_second()
            run = self.store.create(config)
            try:
                self._spawn(run)
            except LaunchError:
                self.store.discard_unborn(run)
                raise
        return run

    def resume(self, run: RunDirectory) -> None:
        """Go on with a paused, interrupted or failed run. Raises LaunchError."""
        with self._starting:
            self._refuse_second()
            if run.view().is_over:
                raise LaunchError(f"The run '{run.id}' has ended, so there is nothing to resume.")
            self._spawn(run)

    def pause(self) -> RunDirectory:
        """Ask the active run to save and end. Raises LaunchError where nothing trains."""
        return self._request(PAUSE)

    def stop(self) -> RunDirectory:
        """Ask the active run to save and be done. Raises LaunchError where nothing trains."""
        return self._request(STOP)

    def discard(self, run: RunDirectory) -> None:
        """End the run without saving and delete its folder: a living worker does it within one step, and does not
        keep the caller waiting. Raises RunError."""
        with self._starting:
            try:
                if run.is_alive():
                    run.request(DISCARD)
                else:
                    self.store.delete(run)
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

    def _request(self, wanted: str) -> RunDirectory:
        with self._starting:  # a run that is just being started can be stopped, too
            run = self.store.active()
            if run is None:
                raise LaunchError("No run is training now.")
            run.ask(wanted)
        return run

    def _refuse_second(self) -> None:
        if active := self.store.active():
            raise LaunchError(f"'{active.id}' is training already. Pause or stop it first.")

    def _spawn(self, run: RunDirectory) -> None:
        """Start the command a person may type, and wait until it holds the run's lock. Not `train --run`: that
        would make a new run where this one has been deleted meanwhile."""
        command = [sys.executable, "-m", "resnet_demo", "resume", str(run.path.absolute())]
        command += ["--data-dir", str(self.data_dir.absolute()), "--json"]
        said = len(run.events())
        with run.log_path.open("ab") as log:
            child = subprocess.Popen(
                command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        threading.Thread(target=child.wait, daemon=True).start()  # bury it when it ends, however long that takes
        with suppress(psutil.NoSuchProcess):  # it may have ended already; why is said below
            process = psutil.Process(child.pid)
            process.nice(max(process.nice(), WORKER_PRIORITY))  # lower than it is already only root may set it
        deadline = time.monotonic() + START_TIMEOUT_S
        while not run.is_alive():
            if child.poll() is not None:
                if len(run.events()) > said:  # so short that it is over already
                    return
                self._refuse_second()  # another was quicker
                raise LaunchError(f"The training process ended at once. Its last words: {_last_line(run)}")
            if time.monotonic() > deadline:
                _kill(child.pid)  # it holds no lock, so there is nothing to save
                raise LaunchError(
                    f"The training process did not start within {START_TIMEOUT_S:.0f} s, so it was ended. Its last "
                    f"words: {_last_line(run)}"
                )
            time.sleep(0.05)


def _kill(process_id: int) -> None:
    """And its children: torchrun's are in sessions of their own."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(process_id)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                one.kill()


def _last_line(run: RunDirectory) -> str:
    lines = [line for line in run.log_tail().splitlines() if line.strip()]
    return lines[-1] if lines else "(none)"

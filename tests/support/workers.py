"""Workers to be killed: processes of their own that say in shared memory what they are inside of, and the proof that
two runs are the same."""

import ctypes
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from resnet_demo.cli.main import main
from resnet_demo.models import checkpoint
from resnet_demo.runs import events
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.fold import RunView
from resnet_demo.runs.worker_files import PAUSE
from resnet_demo.training import resume_state
from resnet_demo.training.resume_state import load_state
from resnet_demo.workers import saver
from resnet_demo.workers.worker import Worker
from tests.support.states import assert_equal_states

LONG = 300.0  # seconds; a bound for a busy machine, never a measure
ELSEWHERE, TRAINING, EVALUATING, SAVING = range(4)
NAMES = ("elsewhere", "training", "evaluating", "saving")

# Forked from a process that has imported torch: fifty starts take the time of their work, not of their imports.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["pytest", "torch", "safetensors.torch", "sklearn.datasets", "sklearn.model_selection"])


class Place(ctypes.Structure):
    """What a worker is inside of, how often it has entered each phase, and how long it was there in all (seconds)."""

    _fields_ = (("phase", ctypes.c_int), ("entered", ctypes.c_long * 4), ("spent_s", ctypes.c_double * 4))


class KillableWorker:
    """A worker in a process of its own; `place` outlives it."""

    def __init__(self, run: RunDirectory, data_dir: Path, save_every_s: float) -> None:
        self.run = run
        self.place = context.RawValue(Place)
        self._process = context.Process(target=_work, args=(run.path, data_dir, save_every_s, self.place), daemon=True)
        self._process.start()

    def wait_inside(self, phase: int, times: int) -> bool:
        """Until it is inside this phase for the so-many-th time; False where it has ended before."""
        deadline = time.monotonic() + LONG
        while self.place.entered[phase] < times:
            if not self._process.is_alive():
                return False
            assert time.monotonic() < deadline, f"the worker does not come to be {NAMES[phase]}"
            time.sleep(0.0005)
        return True

    def kill(self) -> int:
        """SIGKILL; returns the phase that it died in."""
        self._process.kill()
        self._process.join()
        return self.place.phase

    def wait(self) -> None:
        """Until it has ended by itself, well."""
        self._process.join(LONG)
        assert self._process.exitcode == 0


class TrainCommand:
    """`python -m resnet_demo train --run RUN --json` as the launcher starts it: what it says goes to worker.log."""

    def __init__(self, run: RunDirectory, data_dir: Path, prepare: Callable[[], None] | None = None) -> None:
        self._process = context.Process(target=_command, args=(run.path, data_dir, prepare), daemon=True)
        self._process.start()

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.join()

    def wait(self) -> int:
        """Its exit status."""
        self._process.join(LONG)
        return self._process.exitcode


def _command(run_path: Path, data_dir: Path, prepare: Callable[[], None] | None) -> None:
    with RunDirectory(run_path).log_path.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    if prepare:
        prepare()
    sys.exit(main(["train", "--run", str(run_path), "--data-dir", str(data_dir), "--json"]))


def obey_permissions() -> None:
    """For `prepare`: root may write where it may not, until it gives that up."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None, use_errno=True)
        header, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert libc.capget(header, sets) == 0
        sets[0] &= ~0b110  # of the effective set: CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        assert libc.capset(header, sets) == 0


def final_state(run: RunDirectory, data_dir: Path) -> dict:
    """The last resume.pt of a finished run, which the run itself has removed. For a KillableWorker's runs."""
    return load_state(data_dir / f"{run.id}.pt")


def _work(run_path: Path, data_dir: Path, save_every_s: float, place: Place) -> None:
    saver.SAVE_EVERY_S = saver.SAVE_AT_EPOCH_END_S = save_every_s
    _say_when_saving(place)
    run = RunDirectory(run_path)
    for event in Worker(run, data_dir).work():
        _enter(place, _next_phase(run, event, place.phase))
        if isinstance(event, events.CheckpointSaved):
            kept = data_dir / f"{run.id}.pt"
            kept.unlink(missing_ok=True)
            os.link(run.state_path, kept)


def _next_phase(run: RunDirectory, event, now: int) -> int:
    """What a worker does once this event is out of its hand."""
    match event:
        case events.RunStarted() | events.EpochEnded():
            return TRAINING
        case events.RunResumed(step=step, epoch=epoch):
            return EVALUATING if step == epoch * run.view().started.steps_per_epoch else TRAINING
        case events.StepEnded(phase="training", done=done, total=total):
            return EVALUATING if done == total else TRAINING
        case events.StepEnded(phase="evaluating"):
            return EVALUATING
    return now


_entered_at = 0.0


def _enter(place: Place, phase: int) -> None:
    global _entered_at
    now = time.monotonic()
    place.spent_s[place.phase] += now - (_entered_at or now)
    _entered_at = now
    place.phase = phase
    place.entered[phase] += 1


def _say_when_saving(place: Place) -> None:
    replace_file = checkpoint.replace_file  # both modules' own

    def replace(path: Path, write: Callable[[Path], None]) -> None:
        before = place.phase
        _enter(place, SAVING)
        replace_file(path, write)
        _enter(place, before)

    checkpoint.replace_file = resume_state.replace_file = replace


def curves(view: RunView) -> tuple[list[tuple], list[tuple]]:
    """Every point of a run's curves, without what the clock has a part in."""
    return (
        [(m.step, m.epoch, m.train_loss, m.train_accuracy, m.learning_rate) for m in view.metrics],
        [
            (e.epoch, e.step, e.test_loss, e.test_accuracy, e.validation_loss, e.validation_accuracy)
            for e in view.epochs
        ],
    )


def assert_as_if_never_disturbed(run: RunDirectory, data_dir) -> None:
    """Against a run of the same settings that was paused at the same point, and never disturbed before."""
    view = run.view()
    assert view.paused and view.epochs
    whole = RunDirectory(run.path.with_name("whole"))
    whole.path.mkdir()
    whole.write_config(run.config(), threads=run.environment()["threads"])
    for event in Worker(whole, data_dir).work():
        if (event.step, len(whole.view().epochs)) == (view.last.step, len(view.epochs)):
            whole.request(PAUSE)
    assert curves(view) == curves(whole.view())
    assert_equal_states(load_state(run.state_path), load_state(whole.state_path))

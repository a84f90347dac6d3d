"""How a run stands, in one word: the same for the page, the commands and the store. Imports no torch."""

from enum import StrEnum

from resnet_demo.runs.fold import RunView
from resnet_demo.runs.worker_files import Progress

LOADING = ("starting", "waiting", "downloading", "decoding")  # phases before the first step
QUIET_S, QUIET_STEPS = 30.0, 10  # without a word for so long, and for the time of so many steps, a worker is stalled
LOADING_QUIET_S, SAVING_QUIET_S = 300.0, 120.0  # imports and compiling take minutes, a slow disk as well


class RunStatus(StrEnum):
    STARTING = "starting"  # from the press of a button until the worker has done its first step
    TRAINING = "training"
    STALLED = "stalled"  # a worker holds the run, and has not said a word for long
    QUEUED = "queued"  # planned: it is started when its turn comes
    PAUSED = "paused"
    INTERRUPTED = "interrupted"  # its process is gone, without an ending
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def is_live(self) -> bool:
        """Whether a process has the run, or is about to."""
        return self in (RunStatus.STARTING, RunStatus.TRAINING, RunStatus.STALLED)


def run_status(
    view: RunView, starting: bool, alive: bool, progress: Progress | None, stalled: bool, planned: bool = False
) -> RunStatus:
    """`starting` says that a launcher is about to hand the run to a worker, `alive` that a worker holds it, `planned`
    that it is in the queue."""
    if alive and stalled:
        return RunStatus.STALLED
    if alive or starting:
        loads = not alive or progress is None or progress.phase in LOADING
        return RunStatus.STARTING if loads else RunStatus.TRAINING
    if planned and not view.is_over:
        return RunStatus.QUEUED
    if view.ended:
        return RunStatus(view.ended.outcome)
    return RunStatus.PAUSED if view.paused else RunStatus.INTERRUPTED


def is_stalled(progress: Progress | None, batch_size: int, now: float) -> bool:
    """Whether a living worker has said nothing for longer than it should take. `now` is in Unix seconds."""
    return progress is not None and now - progress.time > _quiet_limit_s(progress, batch_size)


def _quiet_limit_s(progress: Progress, batch_size: int) -> float:
    if progress.phase in LOADING or not progress.images_per_s:
        return LOADING_QUIET_S
    if progress.phase == "saving":
        return SAVING_QUIET_S
    return max(QUIET_S, QUIET_STEPS * batch_size / progress.images_per_s)

"""Which of a run's buttons can be pressed, and by whom."""

from dataclasses import dataclass

from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.status import RunStatus
from resnet_demo.runs.watcher import RunsSnapshot


@dataclass(frozen=True)
class Controls:
    """Which buttons can be pressed."""

    start: bool
    pause: bool
    resume: bool
    stop: bool
    discard: bool


def controls(snapshot: RunsSnapshot, shown: Snapshot | None, owner: bool) -> Controls:
    """Nothing for a visitor without the owner's token; Start and Resume only while nothing trains; the others act on
    the run that is shown, where it is not another's."""
    if not owner:
        return Controls(False, False, False, False, False)
    if shown is not None and not snapshot.is_own(shown):
        shown = None
    live = shown is not None and shown.status.is_live
    waiting = shown is not None and shown.can_resume
    return Controls(
        start=not snapshot.training,
        pause=live,
        resume=waiting and not snapshot.training,
        stop=live,
        discard=live or waiting or (shown is not None and shown.status == RunStatus.FAILED),
    )

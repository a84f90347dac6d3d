"""Why the queue waits, in words, for the page and a terminal. Imports neither gradio nor torch."""

from resnet_demo.language import t
from resnet_demo.runs.status import RunStatus
from resnet_demo.runs.watcher import RunsSnapshot


def held_sentence(snapshot: RunsSnapshot, owner: bool = True) -> str:
    """Why none of the planned runs is started by itself: what became of the run that was trained last; '' where one
    trains, or none is planned. Why a run failed is the owner's alone to know."""
    if not snapshot.queue or snapshot.current is None or snapshot.training:
        return ""
    last = snapshot.current
    match last.status:
        case RunStatus.PAUSED:
            return t("The queue is on hold: “{run}” is paused.", run=last.name)
        case RunStatus.INTERRUPTED if last.exit and not last.exit.began:
            return t("The queue is on hold: “{run}” could not be started.", run=last.name)
        case RunStatus.INTERRUPTED:
            return t("The queue is on hold: “{run}” was interrupted.", run=last.name)
        case RunStatus.FAILED if owner and last.view.ended:
            return t("The queue is on hold: “{run}” failed. {why}", run=last.name, why=t(last.view.ended.message))
        case RunStatus.FAILED:
            return t("The queue is on hold: “{run}” failed.", run=last.name)
    return t("The queue is on hold: no run is training.")

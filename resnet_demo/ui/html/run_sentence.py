"""A run in sentences: what is happening, or what happened and what to do next. No word of a button that cannot be
pressed."""

from html import escape

from resnet_demo.data.known import data_label
from resnet_demo.language import t
from resnet_demo.runs.early_stopping import ending_text
from resnet_demo.runs.exit_reason import exit_words
from resnet_demo.runs.fold import RunView
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.status import RunStatus
from resnet_demo.runs.text import PHASES, amount
from resnet_demo.runs.worker_files import DISCARD, PAUSE, STOP
from resnet_demo.text import percent, whole_minutes


def run_sentence(snapshot: Snapshot, owner: bool = True, busy: bool = False) -> str:
    """What is happening, or what happened and what to do next; `busy` says that another run trains. A visitor is told
    neither of the server's folders nor what its processes say."""
    view = snapshot.view
    match snapshot.status:
        case "starting" | "training":
            return _now(snapshot)
        case "stalled":
            return _stalled(snapshot, owner)
        case "queued":
            return _turn(snapshot, owner, busy)
        case "paused":
            rest = t("Paused and saved.") if view.saved else t("Paused before anything was saved.")
            return sentences(rest, _how_to_go_on(snapshot, owner, busy))
        case "interrupted":
            return sentences(*_end(snapshot, owner), _how_to_go_on(snapshot, owner, busy))
        case "finished" if snapshot.run.is_shipped:
            return t(
                "This run came with resnet_demo. Test accuracy {accuracy}. Ask it about an image in Classify, or start "
                "your own.",
                accuracy=percent(view.test_accuracy),
            )
        case "finished":
            reached = t(
                "Test accuracy {accuracy}. Drop an image into Classify to ask it something.",
                accuracy=percent(view.test_accuracy),
            )
            return sentences(*filter(None, [_message(view)]), reached)  # it has a message where it stopped early
        case "failed" if not owner:
            return t("The training failed; its owner is told why.")
        case "stopped" if snapshot.is_kept:
            return sentences(_message(view), _how_to_go_on(snapshot, owner, busy))
        case _:
            return _message(view)


def sentences(*parts: str) -> str:
    """One after the other, as a language sets them."""
    return t(" ").join(parts)


def _message(view: RunView) -> str:
    return ending_text(view.ended.message) if view.ended else ""


def _end(snapshot: Snapshot, owner: bool) -> tuple[str, ...]:
    """How the process ended that has left no ending itself."""
    exit, said = snapshot.exit, snapshot.exit_reason if owner else ""
    if exit is None:
        ended = t("The training process is gone.")
    elif exit.began:
        ended = t("The training process ended {how}.", how=exit_words(exit.code))
    else:
        ended = t("The training process ended {how} before it began.", how=exit_words(exit.code))
    return (ended, t("Last log line: “{line}”.", line=said)) if said else (ended,)


def _stalled(snapshot: Snapshot, owner: bool) -> str:
    minutes = whole_minutes(snapshot.quiet_s or 0)  # the sentence is read out each time that it changes
    quiet = t("The training process has not reported for {time}.", time=minutes)
    if not owner:
        return quiet
    step = f"{snapshot.view.saved.step if snapshot.view.saved else 0:,}"
    if not snapshot.progress or not snapshot.progress.process_id:
        end = t(
            "It may be suspended, or wait for a disk. If it does not go on, end the process; Resume then goes on from "
            "step {step}.",
            step=step,
        )
    else:
        end = t(
            "It may be suspended, or wait for a disk. If it does not go on, end the process (number {process}); Resume "
            "then goes on from step {step}.",
            process=snapshot.progress.process_id,
            step=step,
        )
    return sentences(quiet, end)


def _turn(snapshot: Snapshot, owner: bool, busy: bool) -> str:
    """When a planned run is trained."""
    place, total = snapshot.place or (1, 1)
    planned = t("Planned: {place} of {total} in the queue.", place=place, total=total)
    if busy:
        return sentences(planned, t("It starts by itself when its turn comes."))
    return sentences(planned, t("Press Resume to train it now.")) if owner else planned


def _how_to_go_on(snapshot: Snapshot, owner: bool, busy: bool) -> str:
    """No word of a button that cannot be pressed now."""
    place = _place_to_go_on(snapshot)
    if not owner:
        return t("Its owner can let it go on from {place}.", place=place)
    if busy:
        return t("Another run is training; once that has ended or is paused, Resume goes on from {place}.", place=place)
    return t("Press Resume to go on from {place}.", place=place)


def _place_to_go_on(snapshot: Snapshot) -> str:
    saved = snapshot.view.saved
    if snapshot.status == RunStatus.INTERRUPTED and saved:
        return t("its last saved point, step {step}", step=f"{saved.step:,}")
    if snapshot.status in (RunStatus.INTERRUPTED, RunStatus.PAUSED) and not saved:
        return t("the beginning")
    return t("the very step")


def _now(snapshot: Snapshot) -> str:
    if snapshot.wanted == PAUSE:
        return t("Pausing: ends as soon as the step under way is done and saved…")
    if snapshot.wanted == STOP:
        return t("Stopping: ends as soon as the step under way is done and saved…")
    if snapshot.wanted == DISCARD:
        return t("Deleting: ends as soon as the step under way is done, and is deleted…")
    progress = snapshot.progress
    if progress is None and not snapshot.alive:
        return t("Starting: waiting for the training process…")
    return t("{phase}…", phase=t(PHASES.get(progress.phase, progress.phase) if progress else PHASES["starting"]))


def counted(snapshot: Snapshot) -> str:
    """How much of a download or a decoding is done; '' beside any other sentence. It is no part of the sentence, which
    is read out each time that it changes."""
    progress = snapshot.progress
    if snapshot.status != RunStatus.STARTING or snapshot.wanted in (PAUSE, STOP, DISCARD):
        return ""
    return amount(progress) if progress and progress.phase in ("downloading", "decoding") else ""


def announcement(snapshot: Snapshot, owner: bool) -> str:
    """What a person on another tab of the page is told of a run that has ended."""
    return escape(
        t(
            "{network} on {data}: {status}. {sentence}",
            network=snapshot.config.arch,
            data=data_label(snapshot.config.data),
            status=t(snapshot.status),
            sentence=run_sentence(snapshot, owner),
        )
    )

"""Deleting a run, what it could be resumed from, or one that was never begun. Imports no torch."""

import shutil
import time
from contextlib import suppress

from filelock import Timeout

from resnet_demo.files import read_json, replace_json
from resnet_demo.language import t
from resnet_demo.runs.directory import DELETED, RunDirectory, RunError
from resnet_demo.runs.keep import Keep
from resnet_demo.runs.queue import Queue
from resnet_demo.runs.store import NO_SUCH_RUN, RunStore

DELETE_TIMEOUT_S = 1.0
DELETED_LIST, DELETED_MAX = ".deleted.json", 16  # the last runs that were deleted on request


def delete_run(store: RunStore, run: RunDirectory) -> None:
    """Delete a run's folder. Raises RunError where it is no run of this folder or does not read as one, a worker
    lives in it, or the disk refuses.

    The folder is moved aside while its lock is held: no worker can start in it, and nobody sees half of it. A
    worker, who holds the lock already, may delete its own.
    """
    run.refuse_if_shipped()
    if run not in store.folders() or not run.exists():
        raise RunError(NO_SUCH_RUN)
    if run.path.is_symlink():
        raise RunError(t("'{run}' is a link to a folder elsewhere. Remove the link by hand.", run=run.id))
    if not run.is_ours():
        raise RunError(
            t(
                "'{run}' does not read as a run: its config.json is another program's, or damaged. Nothing was "
                "deleted. Remove the folder by hand if it is no longer wanted.",
                run=run.id,
            )
        )
    aside = store.folder / f"{DELETED}{run.id}-{time.time_ns()}"
    try:
        with run.lock.acquire(timeout=DELETE_TIMEOUT_S, poll_interval=0.02):
            run.path.rename(aside)
    except Timeout as error:
        raise RunError(t("'{run}' is training. Stop it first, then delete it.", run=run.id)) from error
    except OSError as error:
        told = t("The run '{run}' could not be deleted ({reason}).", run=run.id, reason=error.strerror)
        raise RunError(told) from error
    try:
        _forget_kept(run)  # at once: were this process killed before it, the run would come back
    finally:
        with suppress(OSError):  # no reason to stop in the middle: the run is told as lost then
            replace_json(store.folder / DELETED_LIST, {"runs": [*deleted_ids(store), run.id][-DELETED_MAX:]})
        for left in store.folder.glob(f"{DELETED}*"):  # also what a delete that was killed has left
            shutil.rmtree(left, ignore_errors=True)
    if aside.exists():
        raise RunError(t("Some files of the run could not be deleted. Remove '{folder}' by hand.", folder=aside))


def _forget_kept(run: RunDirectory) -> None:
    """Else it would come back."""
    if (keep := Keep.of(run)) is None:
        return
    try:
        keep.forget(run.path.name)
    except OSError as error:
        raise RunError(
            t(
                "The copies of the run '{run}' in '{folder}' could not be deleted ({reason}), so it would come back. "
                "Remove them by hand.",
                run=run.id,
                folder=keep.folder,
                reason=error.strerror,
            )
        ) from error


def discard_unborn(store: RunStore, run: RunDirectory) -> None:
    """Delete a run whose first start was refused: no worker has begun to load for it, said a word or saved. One
    that is planned stays so."""
    if not run.exists() or run in Queue(store.folder):
        return
    if not run.has_begun() and not run.is_alive():
        shutil.rmtree(run.path, ignore_errors=True)


def delete_resume_state(run: RunDirectory) -> int:
    """Delete what a stopped run could be resumed from; its weights and curves stay. Returns the bytes that this
    frees. Raises RunError where the run has not ended, and where there is no such state."""
    run.refuse_if_shipped()
    if not run.exists():
        raise RunError(NO_SUCH_RUN)
    try:
        with run.lock.acquire(timeout=DELETE_TIMEOUT_S, poll_interval=0.02):
            if not run.view().is_over:
                raise RunError(
                    t(
                        "'{run}' has not ended, and could not go on without its resume state. Stop it first, or "
                        "delete the whole run.",
                        run=run.id,
                    )
                )
            freed = run.resume_state_bytes()
            run.state_path.unlink()
    except Timeout as error:
        raise RunError(t("'{run}' is training. Stop it first.", run=run.id)) from error
    except FileNotFoundError as error:
        raise RunError(t("'{run}' has no resume state: there is nothing to free.", run=run.id)) from error
    except OSError as error:
        told = t("The resume state of '{run}' could not be deleted ({reason}).", run=run.id, reason=error.strerror)
        raise RunError(told) from error
    return freed


def deleted_ids(store: RunStore) -> list[str]:
    """The ids of the last runs that were deleted on request: what else is gone has been lost."""
    ids = (read_json(store.folder / DELETED_LIST) or {}).get("runs")
    return ids if isinstance(ids, list) else []

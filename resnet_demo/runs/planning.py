"""Planning runs: several at once, and taking one back. Imports no torch."""

from collections.abc import Sequence

from resnet_demo.errors import UserError
from resnet_demo.language import t
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.deletion import delete_run
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.queue import Queue, QueueError
from resnet_demo.runs.store import RunStore


def plan_runs(store: RunStore, configs: Sequence[TrainConfig]) -> list[RunDirectory]:
    """Plan these runs after those that are planned already, in this order: all, or none where one of them cannot be.
    Raises RunError, ConfigError, QueueError."""
    planned: list[RunDirectory] = []
    try:
        for config in configs:
            planned.append(store.create(config, is_planned=True))
    except UserError:
        for run in planned:
            unplan(store, run)
        raise
    return planned


def unplan(store: RunStore, run: RunDirectory) -> None:
    """Take a planned run out of the queue, and delete it where it has not been begun. Raises QueueError where it is
    not planned or is being started, and RunError as `delete_run` does."""
    queue = Queue(store.folder)
    if run not in queue or run.is_starting():
        raise QueueError(t("'{run}' does not wait in the queue (any more).", run=run.id))
    queue.remove(run)
    if not run.has_begun():
        delete_run(store, run)

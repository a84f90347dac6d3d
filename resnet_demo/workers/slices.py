"""Training for so many seconds within the caller's own process, as a GPU that is lent for a slice of time wants it.

No process is started and no signal is handled here: on ZeroGPU a slice runs in a thread of a fork. What a slice leaves
is what any worker leaves, a run that is paused at a step, so that slices after each other are one run.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_demo.errors import UserError
from resnet_demo.language import ENGLISH, in_language
from resnet_demo.runs.config import TORCHVISION, TrainConfig
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.events import Event
from resnet_demo.runs.worker_files import Progress
from resnet_demo.workers.environment import git_commit
from resnet_demo.workers.worker import Worker

if TYPE_CHECKING:  # brings torch
    from resnet_demo.data.dataset import Dataset

YIELD_EVERY_S = 1.0


class SliceError(UserError):
    """A run that cannot be trained in slices: a sentence for people."""


def prepare_slices(config: TrainConfig, data_dir: Path) -> "Dataset":
    """What is done once, before the first slice and unpaid: the data are downloaded, decoded and counted, and the
    program that tells this tree's commit has run. Raises SliceError for what would start processes in a slice."""
    from resnet_demo.data.sources import drain, load_dataset

    if config.compile or config.processes > 1:
        setting = "Compile off" if config.compile else "Processes to 1"
        raise SliceError(f"On ZeroGPU no other process can be started. Set {setting}.")
    if config.start_from == TORCHVISION:
        raise SliceError("On ZeroGPU nothing is downloaded meanwhile. Start from other weights.")
    git_commit()
    return drain(load_dataset(config.data, data_dir, config.split))


def train_for(run: RunDirectory, dataset: "Dataset", seconds: float) -> Iterator[Event | Progress]:
    """Train the run on, and pause it once the seconds are over; the save comes after them. Yields the newest event at
    most once a second, and the last one. Closed early, it saves before it ends. Raises as `Worker.work`.

    An evaluation that a slice cuts off begins anew in the next one, so a slice must be longer than it."""
    with in_language(ENGLISH):  # of the log: the slice has the language of the visitor who asked for it
        yield from _train_for(run, dataset, seconds)


def _train_for(run: RunDirectory, dataset: "Dataset", seconds: float) -> Iterator[Event | Progress]:
    worker = Worker(run, run.path, dataset=dataset)
    work = worker.work()
    deadline = time.monotonic() + seconds
    yielded_at = float("-inf")
    last = None
    try:
        for last in work:
            now = time.monotonic()
            if now >= deadline:
                worker.pause()
            if now - yielded_at >= YIELD_EVERY_S:
                yielded_at = now
                yield last
                last = None  # is said
    finally:
        worker.pause()
        with suppress(StopIteration):  # whoever closes this has lost interest, not the run
            while True:
                last = next(work)
    if last is not None:
        yield last

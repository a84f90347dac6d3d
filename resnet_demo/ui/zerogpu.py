"""Training on ZeroGPU, where a GPU is lent for a slice of seconds at a time and the visitor's own quota pays.

A slice runs in a fork of the page's process, so what it takes is plain data: the run's path and the seconds. The
images are a tensor of the page's process, made before the first slice. What a slice leaves is a run that is paused, so
whatever ends the slices (the quota, the visitor, the platform) costs at most what was not yet saved.
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from resnet_demo.files import is_number, read_json, replace_json
from resnet_demo.language import t
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.worker_files import PAUSE, RUN
from resnet_demo.text import duration
from resnet_demo.workers.launcher import Launcher, LaunchError

if TYPE_CHECKING:  # brings torch
    from resnet_demo.data.dataset import Dataset

SLICE_S = 60  # asked for at a time; a free account has a few minutes a day
RESERVE_S = 15  # of these at the end, to save within: the platform kills at the last one
LEAST_S = RESERVE_S + 5
_QUOTA = re.compile(  # the package's own words, in which the wait is a timedelta: '1 day, 2:00:00'
    r"\((?P<requested>\d+)s requested vs\. (?P<left>\d+)s left\)\. "
    r"Try again in (?:(?P<days>\d+) days?, )?(?P<hours>\d+):(?P<minutes>\d\d):(?P<seconds>\d\d)"
)
QUOTA_FILE = ".quota.json"
Slice = Callable[[str, int], Iterator[Any]]

_datasets: dict[tuple[str, str], "Dataset"] = {}  # by source and split; forks have what was there before them


@dataclass(frozen=True)
class QuotaEnded:
    """The visitor's quota is too small for another slice: how much is left, and when there is more."""

    left_s: int
    back_in_s: int

    def keep(self, store: RunStore) -> None:
        """For pages that are opened until then."""
        replace_json(store.folder / QUOTA_FILE, {"left_s": self.left_s, "back_at": time.time() + self.back_in_s})


def quota_sentence(store: RunStore) -> str:
    """When the runs of this folder can go on, whose visitor's quota has ended; '' where they can now."""
    ended = read_json(store.folder / QUOTA_FILE) or {}
    left_s, back_at = ended.get("left_s"), ended.get("back_at")
    if not is_number(left_s) or not is_number(back_at) or (wait_s := back_at - time.time()) <= 0:
        return ""
    clock = time.strftime("%H:%M", time.gmtime(back_at + 30))  # to the nearest minute
    return t(
        "Your GPU time is used up for now ({left} s are left), and the run is saved. Come back in {wait}, at {clock} "
        "UTC, and press Resume: it goes on at this very step.",
        left=left_s,
        wait=duration(wait_s),
        clock=clock,
    )


def forget_quota(store: RunStore) -> None:
    (store.folder / QUOTA_FILE).unlink(missing_ok=True)


class SliceLauncher(Launcher):
    """Acts on runs that are trained in slices. Between two of them, and while a GPU is waited for, no worker holds the
    run, which is shown as starting."""

    def start(self, config: TrainConfig) -> RunDirectory:
        raise LaunchError(t("On ZeroGPU a run is started in the Train tab."))

    def resume(self, run: RunDirectory, moved_to: str = "") -> None:
        raise LaunchError(t("On ZeroGPU a run goes on by Resume in the Train tab."))

    def start_next(self) -> RunDirectory | None:
        raise LaunchError(t("On ZeroGPU runs cannot be planned. Start one when you are here."))

    def active(self) -> RunDirectory | None:
        """The run that trains or waits for a GPU, which may take minutes: nothing is waited for."""
        return self.store.active() or next((run for run in self.store.folders() if run.is_starting()), None)

    def pause(self, run: RunDirectory) -> None:
        if run.is_starting() and not run.is_alive():
            run.ask(PAUSE)
        else:
            super().pause(run)


def make_slice(gpu: Callable[..., Callable], data_dir: Path) -> Slice:
    """The function that is lent a GPU; `gpu` is `spaces.GPU`. It takes a run's path and the seconds asked for."""

    @gpu(duration=lambda path, seconds: seconds)
    def train_slice(path: str, seconds: int) -> Iterator[Any]:
        from resnet_demo.workers.slices import train_for  # brings torch

        run = RunDirectory(Path(path))
        if run.exists() and run.wanted() == RUN:  # while a GPU was waited for, a person may have thought again
            yield from train_for(run, dataset_of(run, data_dir), seconds - RESERVE_S)

    return train_slice


def dataset_of(run: RunDirectory, data_dir: Path) -> "Dataset":
    """Loaded once. Called before the first slice: what is downloaded or decoded there would be paid for."""
    from resnet_demo.workers.slices import prepare_slices  # brings torch

    config = run.config()
    key = (config.data, config.split)
    if key not in _datasets:
        _datasets[key] = prepare_slices(config, data_dir)
    return _datasets[key]


def train_in_slices(
    train_slice: Slice, run: RunDirectory, data_dir: Path, seconds: int = SLICE_S
) -> Iterator[Any | QuotaEnded]:
    """Slice after slice, until the run is over or is asked to pause, or the quota ends: then the last thing is
    QuotaEnded. Not decorated itself, so that each slice is admitted by itself. Closed early, the run is saved.

    Where less is left than a slice takes, one last slice takes what fits: the platform multiplies what is asked for by
    a factor of its own, which its refusal tells. Raises gr.Error for its other refusals."""
    dataset_of(run, data_dir)
    asked, is_last = seconds, False
    while True:
        try:
            yield from train_slice(str(run.path), asked)
        except gr.Error as error:
            if (found := _QUOTA.search(str(error.message))) is None:
                raise
            requested, left = int(found["requested"]), int(found["left"])
            fits = left * asked // max(requested, 1)
            if is_last or fits < LEAST_S:
                yield QuotaEnded(left, _wait_s(found))
                return
            asked, is_last = fits, True
            continue
        # A failed run can go on once its cause is mended; another slice would fail the same way and be paid for.
        if not run.exists() or run.view().ended or run.wanted() != RUN:
            return


def _wait_s(quota: re.Match) -> int:
    days, hours, minutes, seconds = (int(quota[part] or 0) for part in ("days", "hours", "minutes", "seconds"))
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

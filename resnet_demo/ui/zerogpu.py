"""Training on ZeroGPU, where a GPU is lent for a slice of seconds at a time and the visitor's own quota pays.

A slice runs in a fork of the page's process, so what it takes is plain data: the run's path and the seconds. The
images are a tensor of the page's process, made before the first slice. What a slice leaves is a run that is paused, so
whatever ends the slices (the quota, the visitor, the platform) costs at most what was not yet saved.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from resnet_demo.language import t
from resnet_demo.runs.directory import RUN, RunDirectory
from resnet_demo.workers.slices import prepare_slices, train_for

if TYPE_CHECKING:  # brings torch
    from resnet_demo.data.dataset import Dataset

SLICE_S = 60  # asked for at a time; a free account has a few minutes a day
RESERVE_S = 15  # of these at the end, to save within: the platform kills at the last one
LEAST_S = RESERVE_S + 5
_QUOTA = re.compile(r"\((\d+)s requested vs\. (\d+)s left\)\. Try again in ([^.]+)\.")  # the package's own words
Slice = Callable[[str, int], Iterator[Any]]

_datasets: dict[tuple[str, str], "Dataset"] = {}  # by source and split; forks have what was there before them


@dataclass(frozen=True)
class QuotaEnded:
    """The visitor's quota is too small for another slice: how much is left, and when it comes back, in its words."""

    left_s: int
    back_in: str

    @property
    def sentence(self) -> str:
        return t(
            "Your GPU time is used up for now ({seconds} s are left), and the run is saved. Come back in {time} and "
            "press Resume: it goes on at this very step.",
            seconds=self.left_s,
            time=self.back_in,
        )


def make_slice(gpu: Callable[..., Callable], data_dir: Path) -> Slice:
    """The function that is lent a GPU; `gpu` is `spaces.GPU`. It takes a run's path and the seconds asked for."""

    @gpu(duration=lambda path, seconds: seconds)
    def train_slice(path: str, seconds: int) -> Iterator[Any]:
        run = RunDirectory(Path(path))
        yield from train_for(run, dataset_of(run, data_dir), seconds - RESERVE_S)

    return train_slice


def dataset_of(run: RunDirectory, data_dir: Path) -> "Dataset":
    """Loaded once. Called before the first slice: what is downloaded or decoded there would be paid for."""
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
            requested, left = int(found[1]), int(found[2])
            fits = left * asked // max(requested, 1)
            if is_last or fits < LEAST_S:
                yield QuotaEnded(left, found[3])
                return
            asked, is_last = fits, True
            continue
        if run.view().is_over or run.wanted() != RUN:
            return

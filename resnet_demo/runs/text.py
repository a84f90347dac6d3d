"""Runs, events, progress and checkpoints in words, for the page and a terminal. Imports neither gradio nor torch."""

from datetime import datetime
from typing import Any

from resnet_demo.data.dataset import LoadProgress
from resnet_demo.data.known import data_label
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import Progress
from resnet_demo.text import duration, loss, percent, plural, rate, size

PHASES = {
    "downloading": "Downloading (once; the next start is fast)",
    "decoding": "Decoding images (once; the next start is fast)",
    "starting": "Starting: loading PyTorch and the images",
    "training": "Training",
    "evaluating": "Measuring on the test images",
    "removing": "Measuring without each block in turn",
    "saving": "Saving",
}


def machine_load(progress: Progress | None) -> str:
    """'CPU 190 %, 1.2 GB', and on CUDA 'GPU 93 %, 5.1 GB, peak 6.0 GB' after it; '–' where nobody trains."""
    if progress is None or progress.cpu_percent is None or progress.memory_bytes is None:
        return "–"
    told = f"CPU {progress.cpu_percent:.0f} %, {size(progress.memory_bytes)}"
    if progress.gpu_memory_bytes is None:
        return told
    busy = "" if progress.gpu_percent is None else f" {progress.gpu_percent:.0f} %,"
    peak = "" if progress.gpu_memory_peak_bytes is None else f", peak {size(progress.gpu_memory_peak_bytes)}"
    return f"{told}; GPU{busy} {size(progress.gpu_memory_bytes)}{peak}"


def started(run_id: str) -> str:
    """'20261124-101500-resnet50-cifar10' -> '24 Nov 2026, 10:15'; another folder name stays what it is."""
    try:
        return datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").strftime("%d %b %Y, %H:%M").lstrip("0")
    except ValueError:
        return run_id


def run_name(run_id: str, title: str) -> str:
    """What a person called the run, or else when it started."""
    return title or started(run_id)


def run_mark(place: int) -> str:
    """0 -> 'A': the letter of one of several runs, at its line and in its column."""
    return chr(ord("A") + place % 26)


def label_of(name: str) -> str:
    """A setting's name for people."""
    return TrainConfig.__dataclass_fields__[name].metadata["label"]


def written(value: Any) -> str:
    """A setting's value for people."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


def amount(progress: events.StepEnded | Progress | LoadProgress) -> str:
    """How much of the phase under way is done: '51 of 170 MB', '1,200 of 60,000', '' where nobody counts."""
    if progress.phase == "downloading":
        of_total = f" of {progress.total / 1e6:.0f}" if progress.total else ""
        return f"{progress.done / 1e6:.0f}{of_total} MB"
    return f"{progress.done:,} of {progress.total:,}" if progress.total else ""


def measured(point: events.MetricsLogged) -> str:
    """What one point of the curves says: 'loss 1.204  accuracy 56.2 %  173 images/s'."""
    return f"loss {loss(point.train_loss)}  accuracy {percent(point.train_accuracy)}  {rate(point.images_per_s)}"


def event_line(event: events.Event) -> str | None:
    """One stored event in words; None for what needs none."""
    match event:
        case events.RunStarted():
            held_out = f", {event.validation_images:,} held out" if event.validation_images else ""
            return (
                f"{event.train_images:,} training images{held_out}, {event.test_images:,} for the test; "
                f"{plural(event.epochs, 'epoch')} of {plural(event.steps_per_epoch, 'step')} on {event.device}"
            ) + "".join(f"\n{warning}" for warning in event.warnings)
        case events.MetricsLogged():
            return f"epoch {event.epoch}  step {event.step:,}  {measured(event)}"
        case events.EpochEnded():
            chosen_by = event.validation_accuracy
            chosen = f", held-out accuracy {percent(chosen_by)}" if chosen_by is not None else ""
            return (
                f"epoch {event.epoch} ended: test loss {loss(event.test_loss)}, test accuracy "
                f"{percent(event.test_accuracy)}{chosen} ({duration(event.elapsed_s)})"
            )
        case events.RunPaused():
            return f"paused at step {event.step:,}"
        case events.RunResumed():
            return f"resumed at step {event.step:,}" + "".join(f"\n{warning}" for warning in event.warnings)
        case events.RunEnded():
            return f"{event.outcome}. {event.message}".strip()
    return None


def checkpoint_text(info: ModelInfo) -> str:
    """'resnet50 on CIFAR-10, step 1,240, test accuracy 71.2 % after epoch 3'. A file of an earlier version has no
    checksum, and says so."""
    unchecked = "" if info.digest else " (without a checksum: damage would not be noticed)"
    return f"{info.arch} on {data_label(info.data)}, step {info.step:,}, {accuracy_text(info)}{unchecked}"


def accuracy_text(info: ModelInfo) -> str:
    """A checkpoint saved in mid-epoch has the accuracy of the last measured one, and says so."""
    if info.accuracy is None:
        return "test accuracy not yet measured"
    return f"test accuracy {percent(info.accuracy)} after epoch {info.epoch}"


def calibration_text(info: ModelInfo) -> str:
    """Whether probabilities can be trusted: 'calibrated on 2,000 held-out images (temperature 0.71)', or why not."""
    if info.calibration:
        return (
            f"calibrated on {plural(info.calibration.images, 'held-out image')} "
            f"(temperature {info.calibration.temperature:.2f})"
        )
    if info.held_out is None:
        return "not calibrated: an earlier version wrote this checkpoint"
    if info.held_out == 0:
        return "not calibrated: its run held out no images"
    return "not calibrated: no epoch has been measured yet, or no held-out image was answered wrongly"

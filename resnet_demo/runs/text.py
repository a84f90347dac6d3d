"""Runs, events, progress and checkpoints in words, for the page and a terminal. Imports neither gradio nor torch."""

import re
from datetime import datetime
from typing import Any

from resnet_demo.data.dataset import LoadProgress
from resnet_demo.data.known import data_label
from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.early_stopping import ending_text
from resnet_demo.runs.worker_files import Progress
from resnet_demo.text import duration, listed, loss, percent, plural, rate, size

PHASES = {
    "downloading": "Downloading (once; the next start is fast)",
    "decoding": "Decoding images (once; the next start is fast)",
    "waiting": "Waiting for another process that loads the same files",
    "starting": "Starting: loading PyTorch and the images",
    "training": "Training",
    "evaluating": "Measuring on the test images",
    "removing": "Measuring without each block in turn",
    "slicing": "Measuring the loss around the weights",
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
    peak = (
        ""
        if progress.gpu_memory_peak_bytes is None
        else t(", peak {memory}", memory=size(progress.gpu_memory_peak_bytes))
    )
    return f"{told}; GPU{busy} {size(progress.gpu_memory_bytes)}{peak}"


def started(run_id: str) -> str:
    """'20261124-101500-resnet50-cifar10' -> '24 Nov 2026, 10:15'; another folder name stays what it is."""
    try:
        return datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").strftime(t("%d %b %Y, %H:%M")).lstrip("0")
    except ValueError:
        return run_id


def device_text(name: str) -> str:
    """A device as a run's log has it, 'CPU, 3 threads, bfloat16', in the current language."""
    if not (cpu := _CPU.fullmatch(name)):
        return name
    return listed(["CPU", plural(int(cpu["threads"]), "thread"), *(["bfloat16"] if cpu["bfloat16"] else [])])


_CPU = re.compile(r"CPU, (?P<threads>\d{1,9}) threads?(?P<bfloat16>, bfloat16)?")


def run_name(run_id: str, title: str) -> str:
    """What a person called the run, or else when it started."""
    return title or started(run_id)


def name_of(run: RunDirectory) -> str:
    """The same of a run; what came with the project has its title in the current language."""
    title = run.title()
    return run_name(run.id, t(title) if run.is_shipped else title)


def run_mark(place: int) -> str:
    """0 -> 'A': the letter of one of several runs, at its line and in its column."""
    return chr(ord("A") + place % 26)


def label_of(name: str) -> str:
    """A setting's name for people."""
    return t(TrainConfig.__dataclass_fields__[name].metadata["label"])


def written(value: Any) -> str:
    """A setting's value for people."""
    if isinstance(value, bool):
        return t("on") if value else t("off")
    return f"{value:g}" if isinstance(value, float) else str(value) or t("none")


def amount(progress: events.StepEnded | Progress | LoadProgress) -> str:
    """How much of the phase under way is done: '51 of 170 MB', '1,200 of 60,000', '' where nobody counts."""
    if progress.phase == "downloading":
        done, total = f"{progress.done / 1e6:.0f}", f"{progress.total / 1e6:.0f}"
        return t("{done} of {total} MB", done=done, total=total) if progress.total else f"{done} MB"
    if not progress.total:
        return ""
    return t("{done} of {total}", done=f"{progress.done:,}", total=f"{progress.total:,}")


def measured(point: events.MetricsLogged) -> str:
    """What one point of the curves says: 'loss 1.204  accuracy 56.2 %  173 images/s'."""
    return t(
        "loss {loss}  accuracy {accuracy}  {speed}",
        loss=loss(point.train_loss),
        accuracy=percent(point.train_accuracy),
        speed=rate(point.images_per_s),
    )


def event_line(event: events.Event) -> str | None:
    """One stored event in words; None for what needs none."""
    match event:
        case events.RunStarted():
            return "\n".join([_started(event), *event.warnings])
        case events.MetricsLogged():
            step = f"{event.step:,}"
            return t("epoch {epoch}  step {step}  {measured}", epoch=event.epoch, step=step, measured=measured(event))
        case events.EpochEnded():
            return _epoch_ended(event)
        case events.RunPaused():
            return t("paused at step {step}", step=f"{event.step:,}")
        case events.RunResumed():
            return "\n".join([t("resumed at step {step}", step=f"{event.step:,}"), *event.warnings])
        case events.RunEnded():
            return t("{outcome}. {message}", outcome=t(event.outcome), message=ending_text(event.message)).strip()
    return None


def _started(event: events.RunStarted) -> str:
    images = {"train": f"{event.train_images:,}", "test": f"{event.test_images:,}"}
    held_out = f"{event.validation_images:,}"
    work = {
        "epochs": plural(event.epochs, "epoch"),
        "steps": plural(event.steps_per_epoch, "step"),
        "device": device_text(event.device),
    }
    if not event.validation_images:
        return t("{train} training images, {test} for the test; {epochs} of {steps} on {device}", **images, **work)
    return t(
        "{train} training images, {held_out} held out, {test} for the test; {epochs} of {steps} on {device}",
        **images,
        held_out=held_out,
        **work,
    )


def _epoch_ended(event: events.EpochEnded) -> str:
    told = {
        "epoch": event.epoch,
        "loss": loss(event.test_loss),
        "accuracy": percent(event.test_accuracy),
        "time": duration(event.elapsed_s),
    }
    if event.validation_accuracy is None:
        return t("epoch {epoch} ended: test loss {loss}, test accuracy {accuracy} ({time})", **told)
    return t(
        "epoch {epoch} ended: test loss {loss}, test accuracy {accuracy}, held-out accuracy {held_out} ({time})",
        **told,
        held_out=percent(event.validation_accuracy),
    )


def checkpoint_text(info: ModelInfo) -> str:
    """'resnet50 on CIFAR-10, step 1,240, test accuracy 71.2 % after epoch 3'. A file of an earlier version has no
    checksum, and says so."""
    told = t(
        "{network} on {data}, step {step}, {accuracy}",
        network=info.arch,
        data=data_label(info.data),
        step=f"{info.step:,}",
        accuracy=accuracy_text(info),
    )
    return told if info.digest else t("{checkpoint} (without a checksum: damage would not be noticed)", checkpoint=told)


def accuracy_text(info: ModelInfo) -> str:
    """A checkpoint saved in mid-epoch has the accuracy of the last measured one, and says so."""
    if info.accuracy is None:
        return t("test accuracy not yet measured")
    return t("test accuracy {accuracy} after epoch {epoch}", accuracy=percent(info.accuracy), epoch=info.epoch)


def calibration_text(info: ModelInfo) -> str:
    """Whether probabilities can be trusted: 'calibrated on 2,000 held-out images (temperature 0.71)', or why not."""
    if info.calibration:
        return t(
            "calibrated on {images} (temperature {temperature})",
            images=plural(info.calibration.images, "held-out image"),
            temperature=f"{info.calibration.temperature:.2f}",
        )
    if info.held_out is None:
        return t("not calibrated: an earlier version wrote this checkpoint")
    if info.held_out == 0:
        return t("not calibrated: its run held out no images")
    return t("not calibrated: no epoch has been measured yet, or no held-out image was answered wrongly")

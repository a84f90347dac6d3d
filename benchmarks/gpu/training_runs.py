"""Runs started by the command that a person types, within a part's time, and what became of them."""

import subprocess
import time
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks.gpu.modes import COMPILING_S, rate_of
from benchmarks.gpu.setting import Setting, project_root, python_environment, python_module
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.workers.estimate import FORWARD_AND_BACKWARD

SAVING_S = 8.0  # kept free at the end, for a run that must be paused
TRAINED, EVALUATED = 48_000, 12_000  # images of an epoch
STARTING_S = 25.0  # at most until the first step, and for the choice of kernels
SAVING_AN_EPOCH_S = 0.5
MARGIN = 0.85  # of the time that is left: a rate in a run is below the measured one, and a paused run cannot be shipped


@dataclass
class Training:
    """One run's process."""

    run: RunDirectory
    process: subprocess.Popen
    began: float  # Unix seconds, before the process was started


def start(setting: Setting, name: str, config: TrainConfig) -> Training:
    """Start `python -m resnet_demo train` in a folder of runs of its own; what it prints goes to the part's log."""
    folder = setting.runs / name
    folder.mkdir(parents=True, exist_ok=True)
    run = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{config.arch}-cifar10"
    command = python_module("resnet_demo", "train", "--run", run, "--data-dir", setting.data_dir, *flags(config))
    print("$", *command[1:], flush=True)
    began = time.time()
    process = subprocess.Popen(command, cwd=project_root(), env=python_environment(setting.work))
    return Training(RunDirectory(Path(run)), process, began)


def epochs_in_time(setting: Setting, config: TrainConfig) -> int:
    """The config's, or as many of them as the part has time for, so that the learning rate falls to zero at the end."""
    starting_s, rate = STARTING_S + COMPILING_S * config.compile, rate_of(setting, config)
    return min(config.epochs, epochs_within(setting.remaining_s - starting_s, rate))


def epochs_within(seconds: float, images_per_s: float, margin: float = MARGIN, saving_s: float = SAVING_S) -> int:
    """Whole epochs, each with its evaluation and a save; at least one."""
    epoch_s = (TRAINED + EVALUATED / FORWARD_AND_BACKWARD) / images_per_s + SAVING_AN_EPOCH_S
    return max(1, int(margin * (seconds - saving_s) / epoch_s))


def flags(config: TrainConfig) -> list[str]:
    """Every setting as a flag of the command."""
    given = []
    for field in fields(TrainConfig):
        flag, value = f"--{field.name.replace('_', '-')}", getattr(config, field.name)
        if isinstance(value, bool):
            given.append(flag if value else flag.replace("--", "--no-", 1))
        elif value != "":
            given += [flag, str(value)]
    return given


def wait(setting: Setting, trainings: list[Training]) -> None:
    """Until all have ended; those that would go on beyond the part's time are paused, which saves them."""
    for training in trainings:
        try:
            training.process.wait(max(0.0, setting.remaining_s - SAVING_S))
        except subprocess.TimeoutExpired:
            training.process.terminate()
    for training in trainings:
        training.process.wait()


COLUMNS = ("run", "epochs", "held-out", "test", "s from the process's start", "s from the first step", "images/s")
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


def row(name: str, training: Training) -> str:
    """A line of the table under HEAD."""
    view = training.run.view()
    if not view.epochs:
        how = view.ended.message if view.ended else f"its process ended with {training.process.returncode}"
        return f"| {name} | no epoch was finished: {how} | | | | | |"
    config, last = training.run.config(), view.epochs[-1]
    whole = f"{last.epoch}" if view.is_over else f"{last.epoch} of {config.epochs}, paused at the time limit"
    seconds = f"{view.last.time - training.began:.1f} | {view.last.time - view.started.time:.1f}"
    held_out = "–" if last.validation_accuracy is None else f"{100 * last.validation_accuracy:.2f} %"
    return (
        f"| {name} | {whole} | {held_out} | {100 * last.test_accuracy:.2f} % | {seconds} | {view.images_per_s:,.0f} |"
    )

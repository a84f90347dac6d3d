"""Runs started by the command that a person types, within a part's time, and what became of them."""

import subprocess
import time
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks.gpu.setting import Setting, project_root, python_environment, python_module
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import RunDirectory

SAVING_S = 8.0  # kept free at the end, for a run that must be paused


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

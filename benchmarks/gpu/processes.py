"""Checks of runs as a person starts them: in processes of their own that are paused, killed and resumed."""

import json
import signal
import subprocess
from pathlib import Path

import torch

from benchmarks.gpu.checks import Check
from benchmarks.gpu.setting import Setting, project_root, python_environment, python_module
from resnet_demo.data.sources import drain, load_dataset
from resnet_demo.inference.predictor import Classifier
from resnet_demo.runs import events
from resnet_demo.runs.directory import RunDirectory

DIGITS = "--data digits --preset tour --arch resnet18 --epochs 4 --batch-size 32"
TOO_MUCH = "--data digits --preset tour --arch resnet50 --stem cifar --epochs 1 --batch-size 1024"
NO_MEMORY = ("memory is not enough", "memory is full")  # by PyTorch, by cuDNN
MEMORY = 2**28  # bytes of the GPU's that the process which is to run out of them gets


def checks(setting: Setting) -> list[Check]:
    """The long one last: it is the likeliest to meet the time limit."""
    return [*[out_of_memory] * (setting.device == "cuda"), answers_alike, survives]


def train_command(setting: Setting, run: Path, flags: str) -> list[str]:
    """A person's words for this run; `flags` are left out where it is there already."""
    given = [] if run.exists() else [*flags.split(), "--device", setting.device]
    return ["train", "--run", str(run), "--data-dir", str(setting.data_dir), "--json", *given]


def start(setting: Setting, run: Path, flags: str) -> subprocess.Popen:
    """The run's process; its events come as lines of JSON."""
    return subprocess.Popen(
        python_module("resnet_demo", *train_command(setting, run, flags)),
        cwd=project_root(),
        env=python_environment(setting.work),
        stdout=subprocess.PIPE,
        text=True,
    )


def undisturbed(setting: Setting) -> RunDirectory:
    """A run that is left alone; trained where no check has asked for it yet."""
    run = setting.runs / "quiet" / "run"
    if not run.exists():
        process = start(setting, run, _digits(setting))
        process.communicate()
        assert process.returncode == 0, f"a run that was left alone ended with {process.returncode}"
    return RunDirectory(run)


def _digits(setting: Setting) -> str:
    return f"{DIGITS} --epochs 2 --train-images 320 --test-images 64" if setting.tiny else DIGITS


def survives(setting: Setting) -> str:
    """A run that is paused, killed and resumed logs every point once, and ends as one that is left alone."""
    disturbed, flags = _fresh(setting, "disturbed"), _digits(setting)
    for end_it, exit_status in ((signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
        process = start(setting, disturbed, flags)
        _read_points(process, 3)
        process.send_signal(end_it)
        process.communicate()
        assert process.returncode == exit_status, f"ended with {process.returncode} after {end_it.name}"
    process = start(setting, disturbed, flags)
    process.communicate()
    assert process.returncode == 0, f"ended with {process.returncode}"
    views = [run.view() for run in (undisturbed(setting), RunDirectory(disturbed))]
    steps = [[point.step for point in view.metrics] for view in views]
    assert steps[0] == steps[1], f"logged at {steps[1]}, not at {steps[0]}"
    losses = [[point.train_loss for point in view.metrics] for view in views]
    apart = max(abs(one - other) for one, other in zip(*losses, strict=True))
    return f"{len(steps[0])} points; the losses are at most {apart:.1e} apart"


def _fresh(setting: Setting, name: str) -> Path:
    """Where a new run is to be; each in a folder of its own, since one at a time trains in a folder."""
    folder = setting.runs / name
    number = len(list(folder.glob("run-*")))
    return folder / f"run-{number}"


def _read_points(process: subprocess.Popen, count: int) -> None:
    """Until so many points have been logged."""
    for line in process.stdout:
        count -= json.loads(line)["event"] == events.MetricsLogged.__name__
        if not count:
            return
    raise AssertionError(f"the run ended with {process.wait()} before it had logged enough")


def answers_alike(setting: Setting) -> str:
    """`classify` on the CPU answers as the evaluation of the run's own device did."""
    run = undisturbed(setting)
    ended = run.view().epochs[-1]
    classifier = Classifier.from_file(run.model_path)
    dataset = drain(load_dataset("digits", setting.data_dir))
    answers = classifier.logits(dataset.test_images).argmax(1)
    accuracy = (answers == dataset.test_labels).double().mean().item()
    if run.config().test_images:
        return f"{accuracy:.4f} on the CPU; the run evaluated {run.config().test_images} of these images only"
    assert abs(accuracy - ended.test_accuracy) < 0.02, (
        f"{accuracy:.4f} on the CPU, {ended.test_accuracy:.4f} in the run"
    )
    return f"{accuracy:.4f} on the CPU, {ended.test_accuracy:.4f} in the run, {len(answers)} images"


def out_of_memory(setting: Setting) -> str:
    """Too little memory on the GPU ends a run in its sentence."""
    run = _fresh(setting, "memory")
    fraction = MEMORY / torch.cuda.get_device_properties(0).total_memory
    program = (
        f"import sys, torch; torch.cuda.set_per_process_memory_fraction({fraction}); "
        f"from resnet_demo.cli.main import main; sys.exit(main({train_command(setting, run, TOO_MUCH)!r}))"
    )
    command = [*python_module("x")[:1], "-c", program]
    done = subprocess.run(
        command, cwd=project_root(), env=python_environment(setting.work), capture_output=True, text=True
    )
    ended = RunDirectory(run).view().ended
    assert ended and any(words in ended.message for words in NO_MEMORY), f"it ended so: {ended}; {done.stderr[-500:]}"
    return f"'{ended.message}'"

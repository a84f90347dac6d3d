"""A run whose folder of images has moved goes on where its images are the same, and only there."""

import sys
from dataclasses import replace

import pytest

from resnet_demo.cli import train
from resnet_demo.cli.main import main
from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.worker_files import PAUSE
from resnet_demo.workers.worker import Worker
from tests.support.image_folders import fill, noise_image


@pytest.fixture
def moved(store, tmp_path):
    """A run that was paused after two steps, and where its images are now."""
    before = fill(tmp_path / "before", {"heads": 20, "tails": 20})
    config = preset_config("tour", arch="resnet18", epochs=1, batch_size=8, log_every_steps=1, threads=1)
    run = store.create(replace(config, data=f"folder:{before}", validation_images=0))
    for event in Worker(run, tmp_path / "data").work():
        if isinstance(event, events.MetricsLogged) and event.step == 2:
            run.request(PAUSE)
    assert run.view().paused
    return run, before.rename(tmp_path / "after")


def resume(run, tmp_path, *flags: str) -> int:
    return main(["resume", str(run.path), "--data-dir", str(tmp_path / "data"), *flags])


def test_it_goes_on_where_the_images_are_and_remembers_the_place(moved, tmp_path):
    run, after = moved
    assert resume(run, tmp_path, "--data", f"folder:{after}") == 0
    view = run.view()
    assert view.ended.outcome == "finished" and [point.step for point in view.metrics][:3] == [1, 2, 3]
    assert run.config().data == f"folder:{after}" and run.environment()["threads"] == 1


def test_other_images_are_refused_and_the_run_stays_what_it_was(moved, tmp_path, capsys):
    run, after = moved
    settings = run.config()
    assert resume(run, tmp_path) == 1 and "--data folder:PATH" in capsys.readouterr().err
    noise_image(99).save(after / "heads" / "000.png")
    assert resume(run, tmp_path, "--data", f"folder:{after}") == 1
    assert "not those that this run began with" in capsys.readouterr().err
    assert run.config() == settings and run.state_path.exists()


def test_a_run_whose_device_is_gone_goes_on_by_another(moved, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    run, after = moved
    run.write_config(replace(run.config(), data=f"folder:{after}", device="cuda"), **run.environment())
    assert resume(run, tmp_path) == 1 and "resume RUN --device auto" in capsys.readouterr().err
    assert resume(run, tmp_path, "--device", "auto") == 0
    assert run.view().ended.outcome == "finished" and run.config().device == "auto"


def test_a_device_that_is_not_there_is_not_remembered(moved, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    run, after = moved
    run.write_config(replace(run.config(), data=f"folder:{after}"), **run.environment())
    assert resume(run, tmp_path, "--device", "cuda") == 1
    assert run.config().device == "auto" and resume(run, tmp_path) == 0


def test_only_a_folder_can_have_moved(moved, tmp_path, capsys):
    run, _ = moved
    assert resume(run, tmp_path, "--data", "digits") == 2
    assert "folder to which the images" in capsys.readouterr().err


def test_several_processes_are_told_the_place_and_the_device_too(moved, tmp_path, monkeypatch):
    run, after = moved
    run.write_config(replace(run.config(), processes=2), **run.environment())
    started = []

    def command(processes, arguments):
        started.append((processes, arguments))
        return [sys.executable, "-c", ""]

    monkeypatch.setattr(train, "torchrun_command", command)
    code = resume(run, tmp_path, "--data", f"folder:{after}", "--device", "cpu")
    assert code == 130  # it is paused still: nothing has trained
    ((processes, arguments),) = started
    assert processes == 2 and arguments[:2] == ["resume", str(run.path)]
    assert arguments[-4:] == ["--data", f"folder:{after}", "--device", "cpu"]
    assert run.config().device == "auto"

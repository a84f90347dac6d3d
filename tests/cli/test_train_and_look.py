"""`train`, `describe` and `curves`: a terminal's view of the same run directory, exit codes as people expect."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path

import pytest
from filelock import FileLock
from PIL import Image

from resnet_demo.cli.main import main
from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig, preset_config
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.figures import RUNS
from resnet_demo.runs.store import RunStore
from tests.runs.test_points import PLACE, epoch, metric
from tests.runs.test_tensorboard import read

ROOT = Path(__file__).parents[2]
TINY = ["--preset", "tour", "--arch", "resnet18", "--batch-size", "16", "--train-images", "160", "--test-images", "40"]
TINY += ["--log-every-steps", "4", "--threads", "2"]


def run(*arguments) -> int:
    """The exit status; argparse ends by itself where a call is wrong."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as ended:
        return int(ended.code)


@pytest.fixture
def where(tmp_path):
    return ["--runs", tmp_path / "runs", "--data-dir", tmp_path / "data"]


def test_train_writes_the_run_the_page_reads(where, tmp_path, capsys):
    assert run("train", *TINY, "--epochs", "1", "--seed", "7", "--no-flip", *where) == 0
    (made,) = RunStore(tmp_path / "runs").runs()
    config = made.config()
    assert (config.preset, config.data, config.epochs, config.seed, config.flip) == ("tour", "digits", 1, 7, False)
    assert made.view().ended.outcome == "finished"
    shown = capsys.readouterr()
    assert shown.out == "" and "test accuracy" in shown.err and "Traceback" not in shown.err
    image = tmp_path / "curves.png"
    assert run("curves", made.path, "--output", image) == 0
    assert Image.open(image).size == (1100, 418)
    assert run("curves", made.path, "--output", tmp_path / "curves.xyz") == 2


def test_json_is_the_log(where, tmp_path, capsys):
    assert run("train", *TINY, "--epochs", "1", "--json", *where) == 0
    (made,) = RunStore(tmp_path / "runs").runs()
    assert capsys.readouterr().out == made.events_path.read_text()


def test_run_names_the_run_goes_on_with_it_and_knows_when_it_has_ended(tmp_path, capsys):
    folder = tmp_path / "runs" / "mine"
    assert run("train", *TINY, "--epochs", "1", "--run", folder, "--data-dir", tmp_path) == 0
    assert RunDirectory(folder).view().ended
    store = RunStore(folder.parent)
    later = store.create(preset_config("tour"))
    assert run("train", "--run", folder, "--data-dir", tmp_path) == 0
    assert "has ended already" in capsys.readouterr().err
    assert later.order() > RunDirectory(folder).order()  # it does not come to the front
    assert run("train", "--run", folder, "--preset", "fast", "--epochs", "9") == 2
    assert "leave out --preset, --epochs" in capsys.readouterr().err
    assert run("train", "--run", folder, "--data-dir", tmp_path, *TINY, "--epochs", "1") == 0  # the same once more


def test_ctrl_c_saves_and_the_same_run_goes_on(tmp_path):
    folder = tmp_path / "runs" / "mine"
    command = [sys.executable, "-m", "resnet_demo", "train", "--run", str(folder), "--data-dir", str(tmp_path)]
    worker = subprocess.Popen([*command, *TINY, "--epochs", "40"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 90
    while not RunDirectory(folder).view().metrics:
        assert time.monotonic() < deadline and worker.poll() is None
        time.sleep(0.1)
    worker.send_signal(signal.SIGINT)
    said = worker.communicate(timeout=90)[1]
    assert worker.returncode == 130 and f"train --run {folder}" in said and "Traceback" not in said
    paused = RunDirectory(folder).view()
    assert paused.paused and paused.saved.step == paused.last.step
    worker = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while RunDirectory(folder).view().last.step <= paused.last.step:
        assert time.monotonic() < deadline + 90 and worker.poll() is None
        time.sleep(0.1)
    worker.send_signal(signal.SIGTERM)
    assert worker.communicate(timeout=90) and worker.returncode == 130


def test_every_setting_is_a_flag(capsys):
    assert run("train", "--help") == 0
    shown = capsys.readouterr().out
    assert [f.name for f in fields(TrainConfig) if f"--{f.name.replace('_', '-')}" not in shown] == []
    assert not [former for former in ("one_cycle", "--averaging", "--norm-rate-factor") if former in shown]


def test_flags_by_former_names_are_taken(tmp_path):
    former = ["--averaging", "0.5", "--norm-rate-factor", "2", "--schedule", "one_cycle"]
    assert run("train", "--later", "--runs", tmp_path / "runs", *former) == 0
    (made,) = RunStore(tmp_path / "runs").runs()
    config = made.config()
    assert (config.ema_decay, config.norm_bias_lr_mult, config.schedule) == (0.5, 2.0, "linear_warmup_decay")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--epochs", "0"], "Epochs must be from 1 to 1000"),
        (["train", "--data", "nowhere"], "cifar10, digits, folder:PATH"),
        (["train", "--epoch", "3"], "unrecognized arguments"),
        (["train", "--run", "a", "--runs", "b"], "not allowed with"),
        (["train", "--later", "--data-dir", "elsewhere"], "Leave --data-dir and --json out"),
        (["train", "--later", "--json"], "Leave --data-dir and --json out"),
        (["describe", "--arch", "resnet51"], "invalid choice"),
        (["describe", "--arch", "plain20", "--shortcut", "A"], "Plain-20 has no shortcuts"),
        (["train", "--arch", "plain20", "--shortcut", "A"], "Plain-20 has no shortcuts"),
        (["describe", "--input-size", "0"], "--input-size must be from 1"),
        (["nothing"], "invalid choice"),
        ([], "required"),
    ],
)
def test_a_wrong_call_is_exit_2_and_a_sentence(arguments, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    assert words in capsys.readouterr().err and list(tmp_path.iterdir()) == []


def test_a_failed_run_is_exit_1_and_one_line(where, tmp_path, capsys):
    assert run("train", "--data", f"folder:{tmp_path / 'none'}", *where) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and said[0].startswith("resnet_demo: ") and "none" in said[0]


def test_a_refused_start_leaves_no_run_behind(where, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("resnet_demo.runs.store.LOCK_TIMEOUT_S", 0.2)
    (tmp_path / "runs").mkdir()
    with FileLock(tmp_path / "runs" / ".training.lock", is_singleton=False, thread_local=False):
        assert run("train", *TINY, *where) == 1
    assert "is training in this folder already" in capsys.readouterr().err
    assert RunStore(tmp_path / "runs").runs() == []


def test_a_refused_resume_leaves_the_run_as_it_was(tmp_path, capsys, monkeypatch):
    """Also where it was killed before it had said a word."""
    monkeypatch.setattr("resnet_demo.runs.store.LOCK_TIMEOUT_S", 0.2)
    store = RunStore(tmp_path / "runs")
    killed = store.create(preset_config("tour"))
    with FileLock(store.folder / ".training.lock", is_singleton=False, thread_local=False):
        assert run("resume", killed.path) == 1
        assert run("train", "--run", killed.path) == 1
    assert capsys.readouterr().err.count("is training in this folder already") == 2
    assert store.runs() == [killed]


def test_a_relative_folder_is_kept_as_an_absolute_one(where, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("train", "--data", "folder:pics", *where) == 1
    (made,) = RunStore(tmp_path / "runs").runs()
    assert made.config().data == f"folder:{tmp_path / 'pics'}"


def test_nothing_to_draw_is_a_sentence(tmp_path, capsys):
    assert run("curves", tmp_path / "none") == 1
    assert "is no run" in capsys.readouterr().err
    unborn = RunStore(tmp_path).create(preset_config("tour"))
    assert run("curves", unborn.path) == 1
    assert "nothing to draw" in capsys.readouterr().err


@pytest.fixture
def two_runs(tmp_path):
    """Two runs whose logs hold two points and an epoch each."""
    runs = [RunStore(tmp_path / "runs").create(preset_config("tour"), name) for name in ("first", "second")]
    for number, made in enumerate(runs, 1):
        for event in (metric(2, number), metric(4, number / 2), epoch(1, 4)):
            made.append(event)
    runs[1].rename("costs $5 $6")
    return runs


def test_several_runs_are_drawn_over_each_other_and_written_as_one_table(two_runs, tmp_path):
    paths = [made.path for made in two_runs]
    assert run("curves", *paths, "--output", tmp_path / "both.svg") == 0
    drawn = (tmp_path / "both.svg").read_text()
    assert all(drawn.count(f"stroke: {colour}") for colour in RUNS[:2])
    assert run("curves", *paths, "--output", tmp_path / "both.csv") == 0
    table = (tmp_path / "both.csv").read_text()
    assert "first,,2,1,1.000,train_loss,1\n" in table and "second,costs $5 $6,2,1,1.000,train_loss,2\n" in table


@pytest.mark.parametrize("name", ["plot", "plot.xyz", "plot."])
def test_curves_are_written_under_the_name_that_is_told_or_not_at_all(two_runs, tmp_path, monkeypatch, capsys, name):
    """Matplotlib adds an ending to a name that has none."""
    monkeypatch.chdir(tmp_path)
    before = list(tmp_path.iterdir())
    assert run("curves", two_runs[0].path, "--output", name) == 2
    assert "end the name in" in capsys.readouterr().err and list(tmp_path.iterdir()) == before


def test_tensorboard_gets_one_folder_a_run(two_runs, tmp_path, capsys):
    out = tmp_path / "board"
    assert run("tensorboard", *[made.path for made in two_runs], "--output", out) == 0
    assert read(out / "first")["loss/train"] == [(2, 1.0), (4, 0.5)]
    assert read(out / "second")["loss/train"] == [(2, 2.0), (4, 1.0)]
    assert run("tensorboard", tmp_path / "none", "--out", out) == 1
    assert "is no run" in capsys.readouterr().err


def test_tensorboard_follows_a_run_until_it_ends(two_runs, tmp_path, monkeypatch):
    followed, ended = two_runs[0], []

    def train_on(seconds):
        followed.append(events.RunEnded(**PLACE, epoch=1, step=6, elapsed_s=3.0, outcome="finished") if ended
                        else metric(6, 0.25))  # fmt: skip
        ended.append(seconds)

    monkeypatch.setattr(time, "sleep", train_on)
    assert run("tensorboard", followed.path, "--out", tmp_path / "board", "--follow") == 0
    assert read(tmp_path / "board" / "first")["loss/train"] == [(2, 1.0), (4, 0.5), (6, 0.25)] and len(ended) == 2


@pytest.mark.parametrize("fate", ["failed", "deleted"])
def test_tensorboard_follows_no_run_that_has_failed_or_is_gone(two_runs, tmp_path, monkeypatch, fate):
    followed, slept = two_runs[0], []

    def end(seconds):
        slept.append(seconds)
        assert len(slept) < 3
        if fate == "deleted":
            return shutil.rmtree(followed.path, ignore_errors=True)
        return followed.append(events.RunEnded(**PLACE, epoch=1, step=6, elapsed_s=3.0, outcome="failed"))

    monkeypatch.setattr(time, "sleep", end)
    assert run("tensorboard", followed.path, "--out", tmp_path / "board", "--follow") == 0
    assert read(tmp_path / "board" / "first")["loss/train"] == [(2, 1.0), (4, 0.5)]


def test_describe_prints_the_measured_network(capsys):
    assert run("describe", "--arch", "resnet50", "--stem", "imagenet", "--input-size", "32") == 0
    shown = capsys.readouterr().out
    assert "23,528,522" in shown and "1 Conv Block, 5 Identity Blocks" in shown and "2048 x 1 x 1" in shown
    assert run("describe", "--arch", "resnet18", "--json") == 0
    assert json.loads(capsys.readouterr().out)["label"] == "ResNet-18"
    assert run("describe", "--arch", "resnet56") == 0
    shown = capsys.readouterr().out
    assert "stem 'cifar', shortcuts 'A'" in shown and "1 Zero-Pad Block, 8 Identity Blocks" in shown
    assert "853,018" in shown and "64 x 8 x 8" in shown

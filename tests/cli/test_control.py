"""pause, resume, stop and discard act on a training of any process, and say what came of it."""

import io
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from resnet_demo.cli.main import main
from resnet_demo.runs import events
from resnet_demo.runs.worker_files import PAUSE

ROOT = Path(__file__).parents[2]
LONG = 90.0  # seconds; a bound for a busy machine, never a measure
PLACE = {"time": 1.0, "epoch": 1, "step": 3, "images_seen": 48, "elapsed_s": 2.0}


@pytest.fixture
def train(tmp_path):
    """`train(run)` is the process that goes on with the run, as `resume` does, once it trains."""
    started = []

    def training(run):
        command = [sys.executable, "-m", "resnet_demo", "resume", str(run.path), "--data-dir", str(tmp_path)]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        started.append(process)
        points, deadline = len(run.view().metrics), time.monotonic() + LONG
        while len(run.view().metrics) <= points:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        return process

    yield training
    for process in started:
        process.kill()
        process.communicate()


def control(command, run, *flags) -> int:
    return main([command, str(run), *map(str, flags)])


def test_pause_resume_and_stop_another_process(store, tiny_config, train, capsys):
    run = store.create(replace(tiny_config, epochs=50))
    worker = train(run)
    assert control("pause", run.id, "--runs", store.folder) == 0
    step = run.view().last.step
    assert f"'{run.id}' is saved and paused at step {step}." in capsys.readouterr().err
    assert run.view().paused and not run.is_alive() and worker.wait(LONG) == 130
    worker = train(run)
    assert control("stop", run.path) == 0
    assert f"'{run.id}' is stopped at step" in capsys.readouterr().err
    assert run.view().ended.step > step and worker.wait(LONG) == 0
    run.state_path.unlink()  # what a stopped run can go on from
    assert control("resume", run.path) == 1
    said = capsys.readouterr().err
    assert "nothing to resume" in said and f"train --start-from run:{run.id}" in said


def test_discard_ends_another_process_and_deletes_the_run(store, tiny_config, train, capsys):
    run = store.create(replace(tiny_config, epochs=50))
    worker = train(run)
    assert control("discard", run.path, "--yes") == 0
    assert not run.exists() and f"'{run.id}' is deleted." in capsys.readouterr().err
    assert "discarded. Ended without saving" in worker.communicate(timeout=LONG)[1] and worker.returncode == 0
    assert not run.path.exists()  # file by file, by its worker


def test_a_run_at_rest_is_discarded_at_once(store, tiny_config, capsys):
    finished, other = store.create(tiny_config), store.create(tiny_config)
    finished.append(events.RunEnded(**PLACE, outcome="finished"))
    assert control("discard", finished.id, "--runs", store.folder, "--yes") == 0
    assert store.runs() == [other]


@pytest.mark.parametrize(
    ("answer", "deleted"), [("y\n", True), ("yes\n", True), ("n\n", False), ("", False), (None, False)]
)
def test_discard_asks_a_person_and_deletes_nothing_where_there_is_none(
    store, tiny_config, capsys, monkeypatch, answer, deleted
):
    run = store.create(tiny_config)
    stdin = io.StringIO(answer or "")
    stdin.isatty = lambda: answer is not None
    monkeypatch.setattr("sys.stdin", stdin)
    code = control("discard", run.path)
    said = capsys.readouterr().err
    assert (code, run.exists()) == ((0, False) if deleted else (2 if answer is None else 1, True))
    assert ("Add --yes" in said) == (answer is None) and ("Nothing was deleted" in said) == (answer in ("n\n", ""))


def test_discard_frees_the_resume_state_alone(store, tiny_config, capsys):
    run = store.create(tiny_config)
    run.state_path.write_bytes(b"x" * 5_000_000)
    run.append(events.RunPaused(**PLACE))
    assert control("discard", run.path, "--resume-state", "--yes") == 1 and run.state_path.exists()
    assert "has not ended" in capsys.readouterr().err
    run.append(events.RunEnded(**PLACE, outcome="stopped"))
    assert control("discard", run.path, "--resume-state") == 2 and run.state_path.exists()
    assert "resume.pt' would be deleted for good. Add --yes" in capsys.readouterr().err
    assert control("discard", run.path, "--resume-state", "--yes") == 0
    assert "5 MB freed" in capsys.readouterr().err and run.exists() and not run.state_path.exists()


@pytest.mark.parametrize(
    "content",
    ['{"architectures": ["ResNetForImageClassification"], "num_labels": 10}', '{"config": {"lr": 1}}', "[]", "", "{"],
)
def test_a_folder_of_another_program_is_never_discarded(store, tmp_path, capsys, content):
    model = store.folder / "microsoft-resnet-50"
    model.mkdir(parents=True)
    (model / "config.json").write_text(content)
    (model / "model.safetensors").write_text("weights")
    for named in ([model], [model.name, "--runs", store.folder]):
        assert control("discard", *named, "--yes") == 1
        said = capsys.readouterr().err
        assert "does not read as a run" in said and said.count("\n") == 1
    assert len(list(model.iterdir())) >= 2 and (model / "model.safetensors").read_text() == "weights"


def test_no_run_is_made_in_the_root_folder(capsys):
    assert main(["train", "--run", "/", "--preset", "tour", "--epochs", "1"]) == 1
    said = capsys.readouterr().err
    assert "The root folder can be no run" in said and said.count("\n") == 1


def test_resume_is_train_run(store, tiny_config, tmp_path, capsys):
    run = store.create(replace(tiny_config, epochs=1))
    assert control("resume", run.path, "--data-dir", tmp_path, "--json") == 0
    assert capsys.readouterr().out == run.events_path.read_text() and run.view().ended.outcome == "finished"


@pytest.mark.parametrize("command", ["pause", "resume", "stop", "discard"])
@pytest.mark.parametrize("name", ["nothing", "..", "../elsewhere", ""])
def test_no_such_run_is_a_sentence_and_changes_nothing(store, tiny_config, capsys, command, name, tmp_path):
    run = store.create(tiny_config)
    (tmp_path / "elsewhere").mkdir()
    assert control(command, name, "--runs", store.folder) == 1
    said = capsys.readouterr().err
    assert f"There is no run '{name}'" in said and said.count("\n") == 1
    assert store.runs() == [run] and (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("command", ["pause", "stop"])
def test_what_does_not_train_cannot_be_paused(store, tiny_config, capsys, command):
    run = store.create(tiny_config)
    assert control(command, run.path) == 1
    assert "is not training now" in capsys.readouterr().err and not (run.path / "control.json").exists()


@pytest.mark.parametrize("command", ["pause", "stop", "discard"])
def test_a_worker_that_does_not_let_go_is_not_waited_for_for_ever(store, tiny_config, capsys, command, monkeypatch):
    monkeypatch.setattr("resnet_demo.cli.control.TIMEOUT_S", 0.3)
    run = store.create(tiny_config)
    with store.training(run):
        assert control(command, run.path, *["--yes"] * (command == "discard")) == 1
    assert "is still training after" in capsys.readouterr().err and run.wanted() == command


@pytest.mark.parametrize(
    ("last", "code", "words"),
    [
        (None, 1, "ended without saving"),
        (events.RunEnded(**PLACE, outcome="failed", message="The disk is full."), 1, "The disk is full."),
        (events.RunEnded(**PLACE, outcome="finished"), 0, "is finished at step 3."),
    ],
)
def test_how_it_ended_instead_is_said(store, tiny_config, capsys, last, code, words):
    """A worker that ends in another way in the moment in which it is asked."""
    run = store.create(tiny_config)
    held, may_end = threading.Event(), threading.Event()

    def worker():
        with store.training(run):
            held.set()
            while run.wanted() != PAUSE:
                time.sleep(0.01)
            if last:
                run.append(last)
        may_end.set()

    thread = threading.Thread(target=worker)
    thread.start()
    assert held.wait(LONG)
    assert control("pause", run.path) == code
    assert words in capsys.readouterr().err and may_end.is_set()
    thread.join()


def test_a_run_that_is_discarded_while_it_is_waited_for_is_said_to_be_deleted(store, tiny_config, capsys, monkeypatch):
    run = store.create(tiny_config)
    monkeypatch.setattr("resnet_demo.cli.control.wait_a_moment", lambda run, _: shutil.rmtree(run.path))
    with store.training(run):
        assert control("pause", run.path) == 1
    said = capsys.readouterr().err
    assert f"'{run.id}' was deleted meanwhile." in said and said.count("\n") == 1

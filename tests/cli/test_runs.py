"""`runs`: every run of a folder in one line, newest first, with the state that the page shows."""

import json
import time
from dataclasses import replace

from resnet_demo.cli.main import main
from resnet_demo.runs import event_log, events, snapshot
from resnet_demo.runs.worker_files import Progress
from tests.runs.test_points import PLACE, epoch, metric

ENDED = events.RunEnded(**PLACE, epoch=1, step=9, elapsed_s=3.0, outcome="finished")


def make(store, config, name, created, *log):
    run = store.create(config, name=name)
    stored = json.loads((run.path / "config.json").read_text())
    (run.path / "config.json").write_text(json.dumps({**stored, "created": created}))
    for event in log:
        run.append(event)
    return run


def lines(capsys) -> tuple[list[str], str]:
    out, err = capsys.readouterr()
    return out.splitlines(), err


def test_runs_lists_id_state_epochs_accuracy_and_title_newest_first(store, tiny_config, capsys):
    make(store, replace(tiny_config, epochs=1), "old", 1.0, metric(2), epoch(1, 9), ENDED)
    make(store, tiny_config, "new", 2.0, metric(2)).rename("second try")
    assert main(["runs", "--runs", str(store.folder)]) == 0
    shown, err = lines(capsys)
    assert [" ".join(line.split()) for line in shown] == [
        "run status epochs test title",
        "new interrupted 0 of 2 – second try",
        "old finished 1 of 1 25.0 %",
    ]
    assert len({line.index(word) for line, word in zip(shown, ("status", "inter", "finish"), strict=True)}) == 1
    assert err == ""


def test_runs_of_a_living_worker_are_training(store, tiny_config, capsys):
    run = make(store, tiny_config, "new", 2.0, metric(2))
    with store.training(run):
        run.write_progress(Progress("training", 2, 9, epoch=1, step=2, time=time.time()))
        assert main(["runs", "--runs", str(store.folder)]) == 0
    assert "training" in lines(capsys)[0][1]


def test_runs_json_is_one_object_a_run(store, tiny_config, capsys):
    make(store, tiny_config, "old", 1.0, metric(2), epoch(1, 9), metric(12))
    make(store, tiny_config, "new", 2.0)
    assert main(["runs", "--runs", str(store.folder), "--json"]) == 0
    shown = [json.loads(line) for line in lines(capsys)[0]]
    assert [run["run"] for run in shown] == ["new", "old"]
    assert shown[1] == {
        "run": "old", "title": "", "status": "interrupted", "data": "digits", "arch": "resnet18", "stem": "imagenet",
        "epoch": 1, "epochs": 2, "step": 12, "test_accuracy": 0.25,
    }  # fmt: skip


def test_runs_waits_for_a_long_log(store, tiny_config, capsys, monkeypatch):
    monkeypatch.setattr(snapshot, "SLOW_BYTES", 1000)
    monkeypatch.setattr(event_log, "END_BYTES", 800)
    points = [metric(step) for step in range(20)]
    make(store, replace(tiny_config, epochs=3), "long", 1.0, *points, epoch(1, 9), *points, epoch(2, 18), *points)
    assert main(["runs", "--runs", str(store.folder), "--json"]) == 0
    assert json.loads(lines(capsys)[0][0])["epoch"] == 2


def test_runs_names_what_cannot_be_opened_and_lists_the_rest(store, tiny_config, capsys):
    make(store, tiny_config, "whole", 1.0)
    (make(store, tiny_config, "damaged", 2.0).path / "config.json").write_text("{")
    assert main(["runs", "--runs", str(store.folder)]) == 1
    shown, err = lines(capsys)
    assert len(shown) == 2 and shown[1].startswith("whole") and err.count("\n") == 1 and "'damaged'" in err


def test_runs_of_wide_and_odd_names_stay_in_their_columns(store, tiny_config, capsys):
    make(store, tiny_config, "第一次", 1.0)
    make(store, tiny_config, "e\x1b[31m", 2.0)
    assert main(["runs", "--runs", str(store.folder)]) == 0
    shown, _ = lines(capsys)
    assert shown[1:] == ["e\\x1b[31m  interrupted  0 of 2  –", "第一次     interrupted  0 of 2  –"]


def test_runs_of_an_empty_folder_is_a_sentence(tmp_path, capsys):
    assert main(["runs", "--runs", str(tmp_path / "none")]) == 0
    assert lines(capsys) == ([], f"There are no runs in '{tmp_path / 'none'}'.\n")

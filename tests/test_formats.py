"""What earlier versions wrote means what it meant then. formats/ holds small files as they wrote them, by the day."""

import json
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
import torch

from resnet_demo.models.checkpoint import load_weights
from resnet_demo.models.checkpoint_info import CheckpointError, read_model_info
from resnet_demo.runs.config import ConfigError, TrainConfig, by_todays_names
from resnet_demo.runs.directory import RunDirectory, RunError
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.text import checkpoint_text
from resnet_demo.training.resume_state import load_state

FORMATS = Path(__file__).with_name("formats")
FIRST, SECOND, THIRD = "2026-11-24", "2026-11-25", "2026-11-26"
ALL = (FIRST, SECOND, THIRD)
# By which the first version trained, though it had no such setting.
BEFORE = {"whiten_stem": False, "start_from": "", "norm_bias_lr_mult": 1.0, "compile": False, "processes": 1,
          "split": "by_position", "deterministic": False, "early_stopping_patience": 0}  # fmt: skip


@pytest.fixture
def run(request, tmp_path) -> RunDirectory:
    return RunDirectory(shutil.copytree(FORMATS / request.param, tmp_path / "runs" / request.param))


def written(day: str) -> dict:
    return json.loads((FORMATS / day / "config.json").read_text())["config"]


@pytest.mark.parametrize("run", ALL, indirect=True)
def test_an_old_run_keeps_the_settings_it_had(run):
    settings = run.config().to_dict()
    stored = by_todays_names(written(run.id))
    assert {name: settings[name] for name in stored} == stored
    unwritten = {name: value for name, value in BEFORE.items() if name not in stored}
    assert {name: settings[name] for name in unwritten} == unwritten


def test_a_setting_of_the_first_version_is_never_filled_in():
    first = by_todays_names(written(FIRST))
    assert {f.name for f in fields(TrainConfig)} > set(first) != set(written(FIRST))
    for name in first:
        with pytest.raises(ConfigError, match=f"'{name}' is missing"):
            TrainConfig.from_dict({other: value for other, value in first.items() if other != name})


@pytest.mark.parametrize("run", ALL, indirect=True)
def test_an_old_log_tells_of_all_that_was(run):
    view = run.view()
    assert view.ended.outcome == "finished" and view.is_over
    assert [epoch.epoch for epoch in view.epochs] == [1, 2] and view.saved.step == 10
    assert all((point.gradient_norm is None) == (run.id == FIRST) for point in view.metrics)
    assert RunStore(run.path.parent).runs() == [run]


@pytest.mark.parametrize("run", ALL, indirect=True)
def test_an_old_checkpoint_is_read_and_says_once_that_it_has_no_checksum(run):
    weights, info = load_weights(run.model_path)
    assert info == read_model_info(run.model_path) and info.classes == ("cat", "dog")
    assert {name: tensor.shape for name, tensor in weights.items()} == {"bias": (2,), "weight": (2, 3)}
    assert info.digest == "" and "without a checksum" in checkpoint_text(info)


@pytest.mark.parametrize("run", ALL, indirect=True)
def test_an_old_state_is_read_by_the_archives_own_checksums(run):
    state = load_state(run.state_path)
    assert state["format"] == {FIRST: 1, SECOND: 2, THIRD: 3}[run.id]
    assert torch.equal(state["weights"]["a"], torch.arange(4.0)) and state["optimizer"]["state"][0]["step"] == 3
    spoiled = run.state_path.read_bytes().replace(state["weights"]["a"].numpy().tobytes(), bytes(16))
    run.state_path.write_bytes(spoiled)
    with pytest.raises(CheckpointError, match="damaged"):
        load_state(run.state_path)


def test_a_run_of_a_newer_version_is_refused_with_a_sentence(store, tiny_config):
    run = store.create(tiny_config)
    stored = json.loads((run.path / "config.json").read_text())
    assert stored["format"] == 2
    for number in (3, 0, "2", None):
        (run.path / "config.json").write_text(json.dumps({**stored, "format": number}))
        with pytest.raises(RunError, match="newer version of resnet_demo"):
            run.config()

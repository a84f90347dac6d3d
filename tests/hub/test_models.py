"""A run to a model repository and back, against a stand-in of Hugging Face's client."""

import json
import os
import pickle

import pytest
import torch

from resnet_demo.cli.main import main
from resnet_demo.hub import models
from resnet_demo.hub.space import HubError
from resnet_demo.models.checkpoint import load_weights, save_model
from resnet_demo.runs import events
from resnet_demo.runs.deletion import delete_run
from resnet_demo.runs.store import RunStore
from tests.support.checkpoints import INFO, make_run, network
from tests.support.hub import ModelHub

NAME = "hub:someone/animals"
PLACE = {"time": 1.0, "epoch": 2, "step": 34, "images_seen": 48, "elapsed_s": 2.0}


@pytest.fixture
def run(store):
    run = make_run(store, "20261124-101500-resnet18-animals")
    run.append(events.CheckpointSaved(**PLACE))
    run.append(events.RunEnded(**PLACE, outcome="stopped"))
    run.epochs_path.mkdir()
    save_model(run.epoch_path(1), network(1), INFO)
    for name in ("resume.pt", "pinned.png", "worker.log", "control.json"):
        (run.path / name).write_bytes(b"stays here")
    return run


@pytest.fixture
def hub(run):
    hub = ModelHub()
    models.push(hub.api, run, NAME, show=lambda said: None)
    return hub


@pytest.fixture
def elsewhere(tmp_path):
    return RunStore(tmp_path / "elsewhere")


def pull(hub, store):
    return models.pull(hub.api, NAME, store, show=lambda said: None)


def refused(hub, store, words):
    with pytest.raises(HubError, match=words):
        pull(hub, store)
    assert not list(store.folder.iterdir()) if store.folder.exists() else True


def test_a_push_makes_a_model_that_others_load_and_a_run_without_what_training_needs(hub):
    files = hub.repositories["someone/animals"]
    assert set(files) == {
        "README.md", "config.json", "model.safetensors", "run/config.json", "run/events.jsonl",
        "run/model.safetensors", "run/epochs/0001.safetensors",
    }  # fmt: skip
    assert b"# " in files["README.md"] and "architecture" in json.loads(files["config.json"])


def test_what_was_pushed_comes_back(hub, run, elsewhere):
    pulled = pull(hub, elsewhere)
    assert pulled == elsewhere.runs()[0] and pulled.path.name == "animals"
    assert pulled.config() == run.config() and pulled.view() == run.view()
    assert pulled.saved_epochs() == [1] and elsewhere.latest_model() == pulled
    ours, theirs = (load_weights(one.model_path)[0] for one in (run, pulled))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    with pytest.raises(HubError, match="is there already"):
        pull(hub, elsewhere)


def test_a_run_that_is_deleted_meanwhile_leaves_the_download_alone(hub, elsewhere):
    other = make_run(elsewhere, "other")

    download = hub.api.hf_hub_download.side_effect

    def download_then_delete(*given, **named):
        download(*given, **named)
        if elsewhere.runs() == [other]:
            delete_run(elsewhere, other)

    hub.api.hf_hub_download.side_effect = download_then_delete
    assert elsewhere.runs() == [other] and [pull(hub, elsewhere)] == elsewhere.runs()


def test_what_a_killed_pull_has_left_goes_with_a_later_one(hub, elsewhere):
    old, young = (elsewhere.folder / f".pull-{name}" for name in ("old", "young"))
    for left in (old, young):
        (left / "loaded").mkdir(parents=True)
    os.utime(old, (1.0, 1.0))
    pulled = pull(hub, elsewhere)
    assert {path.name for path in elsewhere.folder.iterdir()} == {".pull-young", pulled.path.name}
    assert list(elsewhere.folders()) == [pulled]


def test_what_no_run_has_is_left_where_it_is(hub, elsewhere):
    files = hub.repositories["someone/animals"]
    evil = pickle.dumps(print)
    for name in ("resume.pt", "pinned.png", "../out.json", "epochs/../../x.safetensors", "a.py", "epochs/0002.pt"):
        files[f"run/{name}"] = evil
    pulled = pull(hub, elsewhere)
    names = {path.relative_to(pulled.path).as_posix() for path in pulled.path.rglob("*") if path.is_file()}
    assert names == {"config.json", "events.jsonl", "model.safetensors", "epochs/0001.safetensors"}
    assert [path.name for path in elsewhere.folder.iterdir()] == ["animals"]


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("config.json", b"{}", "no run that can be used"),
        ("model.safetensors", b"not one", "no run that can be used.*not a whole safetensors"),
        ("epochs/0001.safetensors", pickle.dumps(print), "no run that can be used"),
        ("config.json", b" " * 1_000_001, "larger or more"),
        ("model.safetensors", None, "There is no run in"),
    ],
)
def test_what_is_no_run_is_not_kept(hub, elsewhere, file, content, words):
    if content is None:
        del hub.repositories["someone/animals"][f"run/{file}"]
    else:
        hub.repositories["someone/animals"][f"run/{file}"] = content
    refused(hub, elsewhere, words)


def test_more_files_than_a_run_has_are_not_downloaded(hub, elsewhere):
    for epoch in range(100):
        hub.repositories["someone/animals"][f"run/epochs/{epoch:04}.safetensors"] = b""
    refused(hub, elsewhere, "larger or more")
    hub.api.hf_hub_download.assert_not_called()


def test_a_weight_that_was_changed_on_the_way_is_found(hub, elsewhere):
    content = bytearray(hub.repositories["someone/animals"]["run/model.safetensors"])
    content[-1] ^= 1
    hub.repositories["someone/animals"]["run/model.safetensors"] = bytes(content)
    refused(hub, elsewhere, "no run that can be used")


@pytest.mark.parametrize(
    "named", ["someone/animals", "hub:animals", "hub:../x", "hub:a/..", "hub:a/b/c", "hub:a/.deleted-x"]
)
def test_what_is_no_repository_is_a_sentence(named, run, elsewhere):
    hub = ModelHub()
    with pytest.raises(HubError, match="hub:USER/NAME"):
        models.push(hub.api, run, named, show=print)
    with pytest.raises(HubError, match="hub:USER/NAME"):
        models.pull(hub.api, named, elsewhere, show=print)


def test_a_run_that_trains_is_not_pushed(run):
    with run.lock, pytest.raises(HubError, match="training now"):
        models.push(ModelHub().api, run, NAME, show=print)


def test_the_commands_say_where_it_went(run, tmp_path, monkeypatch, capsys):
    hub = ModelHub()
    monkeypatch.setattr("resnet_demo.cli.hub.connect", lambda: hub.api)
    assert main(["push", str(run.path), NAME]) == 0
    assert "https://huggingface.co/someone/animals" in capsys.readouterr().out
    assert main(["pull", NAME, "--runs", str(tmp_path / "elsewhere")]) == 0
    assert str(tmp_path / "elsewhere" / "animals") in capsys.readouterr().out

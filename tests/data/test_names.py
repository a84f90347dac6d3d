"""Names are made printable once, where they enter: from a folder, a log, a checkpoint, the folder of runs."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from resnet_demo.data.known import data_label
from resnet_demo.models.checkpoint import load_weights
from resnet_demo.models.checkpoint_info import CheckpointError, ModelInfo
from resnet_demo.runs.directory import RunDirectory, RunError
from resnet_demo.runs.events import RunStarted, from_line, to_line
from resnet_demo.runs.watcher import Watcher
from resnet_demo.text import columns, name_of_class, printable
from resnet_demo.ui.html.run_choices import run_choices
from resnet_demo.ui.html.run_log import log_html
from resnet_demo.ui.html.status_card import status_html, warnings_html
from tests.support.checkpoints import INFO
from tests.support.image_folders import fill

BYTES = os.fsdecode("狗".encode("gbk"))  # as a zip from a Chinese Windows leaves it


def test_names_that_are_no_utf8_become_escapes_and_stay_apart():
    assert printable(BYTES) == "\\xb9\\xb7" and printable("猫 <b> é \U0001f600") == "猫 <b> é \U0001f600"
    assert printable("a\x1b[31m\nb") == "a\\x1b[31m\\x0ab"
    assert name_of_class("cafe\u0301") == "caf\u00e9"


def test_a_class_and_a_broken_file_of_such_names(load, tmp_path):
    folder = fill(tmp_path / "p", {BYTES: 10, "cat": 10})
    (folder / "cat" / os.fsdecode(b"caf\xe9.png")).write_bytes(b"nothing")
    dataset = load(folder)
    assert dataset.classes == ("\\xb9\\xb7", "cat") and "caf\\xe9.png" in dataset.warnings[0]


def test_composed_and_decomposed_names_are_one_class(load, tmp_path):
    fill(tmp_path / "p" / "train", {"caf\u00e9": 4, "tea": 4})
    fill(tmp_path / "p" / "test", {"cafe\u0301": 2, "tea": 2})
    dataset = load(tmp_path / "p")
    assert dataset.classes == ("caf\u00e9", "tea") and dataset.test_labels.bincount().tolist() == [2, 2]


def started(**changes) -> RunStarted:
    values = {"epochs": 1, "steps_per_epoch": 1, "train_images": 1, "validation_images": 0, "test_images": 1}
    place = {"time": 1.0, "epoch": 1, "step": 0, "images_seen": 0, "elapsed_s": 0.0}
    return RunStarted(**place, **values, device="CPU", **{"classes": ("a", "b"), **changes})


def test_a_log_of_an_earlier_version_holds_such_names():
    line = to_line(started(classes=(BYTES, "a\x1bb"), warnings=(f"{BYTES} is not read.",)))
    read = from_line(line)
    assert read.classes == ("\\xb9\\xb7", "a\\x1bb") and read.warnings == ("\\xb9\\xb7 is not read.",)


def test_a_checkpoint_of_an_earlier_version_holds_such_names():
    metadata = {**INFO.to_metadata(), "classes": json.dumps([BYTES, "cafe\u0301", "c", "d"]), "digest": ""}
    assert ModelInfo.from_metadata(metadata).classes == ("\\xb9\\xb7", "caf\u00e9", "c", "d")


def test_the_page_can_send_a_run_and_data_of_such_names(store, tiny_config):
    with pytest.raises(RunError, match="is no UTF-8"):
        store.create(tiny_config, name=BYTES)
    run = RunDirectory(store.folder / BYTES)  # as a copy from another disk may be called
    run.path.mkdir()
    run.write_config(tiny_config)
    save_file({"a": np.zeros(1)}, store.folder / "model.safetensors", metadata=INFO.to_metadata())
    (store.folder / "model.safetensors").rename(run.model_path)
    with pytest.raises(CheckpointError, match="this path is no UTF-8"):
        load_weights(run.model_path)
    run.append(started(classes=(BYTES, "b"), warnings=(f"left out: {BYTES}",)))
    assert store.get(run.id) == run and run.path.name == BYTES
    snapshot = Watcher(store).snapshot()
    shown = snapshot.runs[0]
    for text in (status_html(shown), log_html(shown), str(run_choices(snapshot)), data_label(f"folder:/srv/{BYTES}")):
        text.encode("utf-8")


def test_what_the_data_lack_stands_on_the_card_outside_the_log(store, tiny_config):
    run = store.create(tiny_config)
    run.append(started(warnings=("Folders without a file are no classes: <blue>.",)))
    shown = Watcher(store).snapshot().runs[0]
    told = warnings_html(shown.view.started.warnings)
    assert "&lt;blue&gt;" in told and told in status_html(shown) and told not in status_html(shown, owner=False)


@pytest.mark.parametrize(("text", "wide"), [("cat", 3), ("猫", 2), ("cafe\u0301", 4), ("ｆ", 2)])
def test_wide_letters_take_two_columns(text, wide):
    assert columns(text) == wide

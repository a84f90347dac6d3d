"""`resnet_demo.load`: the door for programs answers as `classify` does."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from resnet_demo import load
from resnet_demo.cli.main import main
from resnet_demo.errors import UserError
from resnet_demo.models.checkpoint_info import Calibration
from resnet_demo.runs.directory import SHIPPED, RunDirectory
from resnet_demo.runs.store import RunStore
from tests.support.checkpoints import INFO, make_run

README = Path(__file__).parents[2] / "README.md"
FITTED = replace(INFO, calibration=Calibration(90, 2.5, 0.2, 0.1))


@pytest.fixture
def runs(tmp_path) -> RunStore:
    store = RunStore(tmp_path / "checkpoints")
    make_run(store, "20260101-old", seed=1)
    make_run(store, "20260202-new", FITTED)
    return store


@pytest.fixture
def file(tmp_path):
    """Half of it is a white border, which is trimmed."""
    image = Image.new("RGB", (200, 200), "white")
    image.paste(Image.linear_gradient("L").resize((100, 100)).convert("RGB"), (50, 50))
    image.save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


@pytest.mark.parametrize("trim", [True, False])
def test_it_answers_as_the_command_does(runs, file, capsys, trim):
    flags = [] if trim else ["--no-trim"]
    assert main(["classify", str(file), "--runs", str(runs.folder), "--json", "--top-k", "99", *flags]) == 0
    told = json.loads(capsys.readouterr().out)
    answer = load(runs.folder).classify(str(file), trim=trim).as_dict()
    assert {"file": str(file), **answer} == told
    assert (told["run"], told["calibrated"], told["trimmed"]) == ("20260202-new", True, trim)


def test_a_run_can_be_named_by_id_folder_or_file(runs, file):
    old = runs.get("20260101-old")
    loaded = [load(str(runs.folder), run_id=old.id), load(old.path), load(old.model_path)]
    answers = [network.classify(file).ranked for network in loaded]
    assert answers[0] == answers[1] == answers[2] != load(runs.folder).classify(file).ranked
    assert "20260101-old: resnet18 on animals" in repr(loaded[0])


def test_a_folder_without_runs_is_answered_for_by_one_of_the_projects(tmp_path):
    (tmp_path / "empty").mkdir()
    _, first = RunStore(tmp_path / "empty", SHIPPED).checkpoints()[0]
    assert load(tmp_path / "empty").info == first


def test_tensors_are_answered_in_the_order_of_the_classes(runs):
    network = load(runs.folder)
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    shares = network.probabilities(images)
    assert shares.shape == (3, len(network.info.classes))
    assert torch.equal(shares, (network.logits(images).double() / 2.5).softmax(1))
    seen = Image.fromarray(images[0].permute(1, 2, 0).numpy())
    assert dict(network.classify(seen).ranked) == pytest.approx(
        dict(zip(network.info.classes, shares[0].tolist(), strict=True)), abs=1e-6
    )


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_an_image_in_memory_may_have_any_mode(runs, mode):
    network, image = load(runs.folder), Image.linear_gradient("L").resize((40, 30)).convert("RGB")
    assert len(network.classify(image.convert(mode)).ranked) == 4


def test_what_cannot_be_loaded_or_read_is_a_sentence(runs, tmp_path, file):
    (tmp_path / "broken.png").write_bytes(file.read_bytes()[:60])
    untrained = tmp_path / "untrained"
    RunDirectory(untrained).path.mkdir()
    (untrained / "config.json").write_text("{}")
    for wrong, sentence in (
        (lambda: load(tmp_path / "chekpoints"), "There is no '.*chekpoints'. Name a folder of runs"),
        (lambda: load(file), "'cat.png' is not a whole safetensors file"),
        (lambda: load(untrained), "There is no checkpoint 'model.safetensors'"),
        (lambda: load(runs.folder, run_id="../old"), "There is no such run"),
        (lambda: load(runs.get("20260101-old").path, run_id="20260101-old"), "goes with the folder of runs"),
        (lambda: load(runs.folder).classify(tmp_path / "broken.png"), "damaged|cut off|whole"),
        (lambda: load(runs.folder).classify("nowhere.jpg"), "The file is not there"),
    ):
        with pytest.raises(UserError, match=sentence):
            wrong()


def test_the_readmes_example_runs(runs, file, tmp_path, monkeypatch, capsys):
    example = re.search(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)[1]
    file.rename(tmp_path / "cat.jpg")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(example, names)
    assert (names["name"], names["probability"]) == load(runs.folder).classify("cat.jpg").ranked[0]
    assert names["name"] in capsys.readouterr().out

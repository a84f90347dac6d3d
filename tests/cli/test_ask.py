"""`classify` and `evaluate`: answers on stdout, everything else on stderr, exit codes as people expect."""

import copy
import json
from dataclasses import replace

import pytest
from PIL import Image
from safetensors.torch import save_file

from resnet_demo.cli.main import main
from resnet_demo.data.images import load_image
from resnet_demo.inference.predictor import Predictor
from resnet_demo.models.checkpoint import save_model
from resnet_demo.models.checkpoint_info import WITHOUT_DIGEST
from resnet_demo.runs.store import RunStore
from tests.support.checkpoints import DIGITS, INFO, make_run, network


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    make_run(RunStore(folder), "20260101-old", seed=1)
    make_run(RunStore(folder), "20260202-new")
    return folder


@pytest.fixture
def images(tmp_path):
    paths = [tmp_path / "red.png", tmp_path / "blue.jpg"]
    Image.new("RGB", (50, 40), "red").save(paths[0])
    Image.new("RGB", (32, 32), "blue").save(paths[1])
    return paths


def run(*arguments) -> int:
    return main([str(argument) for argument in arguments])


def wrong_call(*arguments) -> int:
    """argparse ends by itself where a call is wrong."""
    try:
        return run(*arguments)
    except SystemExit as ended:
        return int(ended.code)


def test_each_image_is_a_line(runs, images, capsys):
    assert run("classify", *images, "--runs", runs) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [str(path) for path in images]
    assert all(line.count(" %") == 3 for line in lines)
    assert err == (
        "20260202-new: resnet18 on animals, step 34, test accuracy 62.5 % after epoch 2\n"
        "Its probabilities are not calibrated: an earlier version wrote this checkpoint.\n"
    )


def test_json_is_the_predictors_answer(runs, images, capsys):
    assert run("classify", *images, "--runs", runs, "--json", "--top-k", 2) == 0
    out, err = capsys.readouterr()
    answers = [json.loads(line) for line in out.splitlines()]
    predictor = Predictor(RunStore(runs))
    for path, answer in zip(images, answers, strict=True):
        assert answer.keys() == {"file", "run", "epoch", "accuracy", "inverted", "trimmed", "calibrated", "classes"}
        assert answer == {"file": str(path), **predictor.classify(load_image(path)).as_dict(2)}
    assert err == ""


def test_more_classes_than_there_are_means_all(runs, images, capsys):
    assert run("classify", images[0], "--runs", runs, "--json", "--top-k", 99) == 0
    assert len(json.loads(capsys.readouterr().out)["classes"]) == 4


def test_a_broken_image_does_not_keep_the_others_from_an_answer(runs, images, tmp_path, capsys):
    broken, missing = tmp_path / "broken.png", tmp_path / "missing.png"
    broken.write_bytes(images[0].read_bytes()[:60])
    assert run("classify", images[0], broken, missing, images[1], "--runs", runs, "--json") == 1
    out, err = capsys.readouterr()
    assert [json.loads(line)["file"] for line in out.splitlines()] == [str(path) for path in images]
    assert [line.split(": ")[:2] for line in err.splitlines()] == [
        ["resnet_demo", str(broken)],
        ["resnet_demo", str(missing)],
    ]


def test_a_run_or_a_file_can_be_chosen(runs, images, capsys):
    checkpoint = runs / "20260101-old" / "model.safetensors"
    choices = (
        ["--runs", runs, "--run-id", "20260101-old"],
        ["--checkpoint", checkpoint],
        ["--checkpoint", checkpoint.parent],
    )
    answers = []
    for choice in choices:
        assert run("classify", images[0], "--json", *choice) == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert [answer["run"] for answer in answers] == ["20260101-old", None, None]
    assert answers[0]["classes"] == answers[1]["classes"] == answers[2]["classes"]
    assert run("classify", images[0], "--json", "--runs", runs) == 0
    assert json.loads(capsys.readouterr().out)["classes"] != answers[0]["classes"]


def test_a_trimmed_border_is_said_and_can_be_kept(runs, tmp_path, capsys):
    product = Image.new("RGB", (300, 300), "white")
    product.paste((200, 0, 0), (100, 100, 200, 200))
    product.save(tmp_path / "product.png")
    lines = []
    for more in ([], ["--no-trim"]):
        assert run("classify", tmp_path / "product.png", "--runs", runs, *more) == 0
        lines.append(capsys.readouterr().out)
    assert ["(its uniform border was trimmed)" in line for line in lines] == [True, False]


def test_an_inverted_image_says_so(tmp_path, images, capsys):
    make_run(RunStore(tmp_path / "digits"), "digits", replace(DIGITS, accuracy=None, epoch=0))
    Image.new("RGB", (32, 32), "white").save(images[0])
    assert run("classify", images[0], "--runs", tmp_path / "digits") == 0
    out, err = capsys.readouterr()
    assert "(inverted: its border is light)" in out
    assert "test accuracy not yet measured" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--runs", "nowhere"], "There is no trained checkpoint yet"),
        (["--runs", "runs", "--run-id", "../runs"], "There is no such run"),
        (["--checkpoint", "nothing.safetensors"], "There is no checkpoint 'nothing.safetensors'"),
        (["--checkpoint", "pictured.safetensors"], "'pictured.safetensors' is not a whole safetensors file"),
    ],
)
def test_no_checkpoint_is_one_line_and_exit_1(runs, images, tmp_path, monkeypatch, capsys, arguments, sentence):
    monkeypatch.setattr("resnet_demo.cli.checkpoint.SHIPPED", None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictured.safetensors").write_bytes(images[0].read_bytes())
    assert run("classify", images[0], *arguments) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"resnet_demo: {sentence}") and err.count("\n") == 1


def flip_bit(path, name: str, bit: int) -> None:
    """Of the last byte of a float's little-endian four, where sign and exponent are."""
    content = bytearray(path.read_bytes())
    header = int.from_bytes(content[:8], "little")
    first, _ = json.loads(content[8 : 8 + header])[name]["data_offsets"]
    content[8 + header + first + 3] ^= 1 << bit
    path.write_bytes(content)


@pytest.mark.parametrize("bit", [7, 6], ids=["sign", "exponent"])
def test_one_flipped_bit_of_the_weights_is_one_line_and_exit_1(runs, images, capsys, bit):
    flip_bit(runs / "20260202-new" / "model.safetensors", "layer1.0.conv1.weight", bit)
    for command in (["classify", images[0]], ["evaluate"]):
        assert run(*command, "--runs", runs) == 1
        said = capsys.readouterr()
        assert said.out == "" and said.err.count("\n") == 1 and "model.safetensors' is damaged" in said.err


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_a_sentence_whatever_its_cause(tmp_path, images, capsys, value):
    spoiled = make_run(RunStore(tmp_path / "runs"), "spoiled", DIGITS)
    model = copy.deepcopy(network(0, 10))
    model.fc.bias.data[3] = value
    save_model(spoiled.model_path, model, DIGITS)
    for command in (["classify", images[0]], ["evaluate"]):
        assert run(*command, "--json", "--runs", tmp_path / "runs") == 1
        said = capsys.readouterr()
        assert said.out == "" and "answer is not a number" in said.err and said.err.count("\n") == 1


def test_a_checkpoint_without_a_checksum_answers_and_says_so_once(runs, images, capsys):
    path = runs / "20260202-new" / "model.safetensors"
    save_file(network().state_dict(), path, metadata={**INFO.to_metadata(), "format": WITHOUT_DIGEST})
    assert run("classify", *images, "--runs", runs) == 0
    said = capsys.readouterr()
    assert said.out.count("\n") == 2 and said.err.count("without a checksum") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a.png", "--top-k", "0"],
        ["a.png", "--top-k", "many"],
        ["a.png", "--runs", "r", "--checkpoint", "c"],
        ["a.png", "--checkpoint", "c", "--run-id", "r"],
        ["a.png", "--top", "3"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_is_exit_2(arguments, capsys):
    assert wrong_call("classify", *arguments) == 2
    assert capsys.readouterr().out == ""


# --- evaluate -------------------------------------------------------------------------------------------------


def test_evaluate_measures_on_the_data_it_learned_from(tmp_path, capsys):
    make_run(RunStore(tmp_path / "runs"), "digits", DIGITS)
    assert run("evaluate", "--runs", tmp_path / "runs", "--data-dir", tmp_path, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["run"], answer["epoch"], answer["images"]) == ("digits", 2, 297)
    assert sum(map(sum, answer["confusion"])) == 297
    assert run("evaluate", "--runs", tmp_path / "runs", "--data-dir", tmp_path) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"accuracy {100 * answer['accuracy']:.1f} % on 297 test images"
    assert [line.split()[0] for line in out[1:]] == list(DIGITS.classes)


def test_evaluate_on_other_classes_is_one_line_and_exit_1(runs, tmp_path, capsys):
    assert run("evaluate", "--runs", runs, "--data", "digits", "--data-dir", tmp_path) == 1
    out, err = capsys.readouterr()
    assert out == "" and "knows other classes than 'digits' has" in err and "--data" in err


def test_evaluate_without_its_data_is_one_line_and_exit_1(tmp_path, capsys):
    make_run(RunStore(tmp_path / "runs"), "gone", replace(INFO, data=f"folder:{tmp_path / 'gone'}"))
    assert run("evaluate", "--runs", tmp_path / "runs", "--data-dir", tmp_path, "--json") == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("resnet_demo: There is no folder") and err.count("\n") == 1

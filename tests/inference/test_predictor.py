"""The newest checkpoint answers, as training evaluates; what is broken or gone is one sentence."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from resnet_demo.data.batches import Normalise
from resnet_demo.inference import predictor as module
from resnet_demo.inference.predictor import Classifier, Predictor
from resnet_demo.models.checkpoint import save_model
from resnet_demo.models.checkpoint_info import Calibration, CheckpointError
from resnet_demo.runs.directory import RunError
from tests.support.checkpoints import DIGITS, INFO, make_run, network


def noise(seed: int = 0, size: tuple[int, int] = (32, 32)) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(values)


def written_seven(ink: str, paper: str) -> Image.Image:
    image = Image.new("RGB", (64, 64), paper)
    ImageDraw.Draw(image).line([(16, 12), (48, 12), (28, 54)], fill=ink, width=6)
    return image


def test_probabilities_are_calibrated_where_the_checkpoint_is(classifier):
    fitted = Classifier(network(), replace(INFO, calibration=Calibration(90, 2.5, 0.2, 0.1)))
    plain, calibrated = (one.classify(noise()) for one in (classifier, fitted))
    assert (plain.as_dict()["calibrated"], calibrated.as_dict()["calibrated"]) == (False, True)
    before, after = dict(plain.ranked), dict(calibrated.ranked)
    assert list(before) == list(after)
    powers = {name: share ** (1 / 2.5) for name, share in before.items()}
    assert after == pytest.approx({name: power / sum(powers.values()) for name, power in powers.items()})


@pytest.fixture
def classifier():
    return Classifier(network(), INFO, "a run")


def test_with_flip_averaging_an_image_and_its_mirror_image_get_one_answer(classifier):
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    mirrored = images.flip(3)
    averaging = Classifier(classifier.model, replace(classifier.info, flip_averaging=True))
    answer = averaging.probabilities(images)
    expected = ((classifier.logits(images) + classifier.logits(mirrored)) / 2).double() / classifier.info.temperature
    assert torch.allclose(answer, expected.softmax(1), atol=1e-7)
    assert torch.allclose(averaging.probabilities(mirrored), answer, atol=1e-6)
    assert not torch.allclose(classifier.probabilities(mirrored), classifier.probabilities(images), atol=1e-4)
    assert torch.equal(averaging.logits(images), classifier.logits(images))  # what training evaluates


def test_every_class_is_ranked_by_its_probability(classifier):
    prediction = classifier.classify(noise())
    shares = [share for _, share in prediction.ranked]
    assert {name for name, _ in prediction.ranked} == set(INFO.classes)
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1)
    assert (prediction.info, prediction.run_id, prediction.inverted) == (INFO, "a run", False)


def test_it_answers_what_training_evaluates(classifier):
    """The same numbers as the trainer's way: uint8 images, Normalise, the network."""
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        shares = network()(Normalise(INFO.mean, INFO.std)(images)).softmax(1)
    files = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    for prediction, wanted in zip(classifier.classify_batch(files), shares, strict=True):
        found = dict(prediction.ranked)
        assert [found[name] for name in INFO.classes] == pytest.approx(wanted.tolist(), abs=1e-6)


def test_a_batch_gives_the_answers_of_its_images(classifier):
    images = [noise(seed, (40 + seed, 32)) for seed in range(5)]
    batch = classifier.classify_batch(images)
    for image, prediction in zip(images, batch, strict=True):
        alone = classifier.classify(image)
        assert [name for name, _ in alone.ranked] == [name for name, _ in prediction.ranked]
        assert dict(alone.ranked) == pytest.approx(dict(prediction.ranked), abs=1e-5)
    assert classifier.classify_batch([]) == []


def test_asking_changes_nothing_in_the_network(classifier):
    before = {name: tensor.clone() for name, tensor in classifier.model.state_dict().items()}
    classifier.classify(noise())
    assert all(torch.equal(before[name], tensor) for name, tensor in classifier.model.state_dict().items())


def test_one_core_answers_and_the_others_stay_free_for_all_else(classifier):
    """The estimate of a training's speed, in the same process, needs all of them."""
    before = torch.get_num_threads()
    classifier.classify(noise())
    assert torch.get_num_threads() == before
    assert module._alone.submit(torch.get_num_threads).result() == 1
    with ThreadPoolExecutor(1) as another:
        assert another.submit(torch.get_num_threads).result() == before


def test_any_size_is_seen_at_32_pixels(classifier):
    small = noise()
    assert classifier.classify(small).seen is small
    for size in ((1, 1), (300, 20), (33, 500)):
        assert classifier.classify(noise(1, size)).seen.size == (32, 32)


def test_dark_on_light_is_inverted_for_the_digits():
    digits = Classifier(network(classes=10), DIGITS)
    on_paper = digits.classify(written_seven("black", "white"))
    on_board = digits.classify(written_seven("white", "black"))
    assert on_paper.inverted and not on_board.inverted
    assert np.allclose(on_paper.seen, on_board.seen, atol=1)  # resizing rounds
    assert dict(on_paper.ranked) == pytest.approx(dict(on_board.ranked), abs=1e-3)


def test_ink_of_any_colour_is_grey_for_the_digits():
    seen = np.array(Classifier(network(classes=10), DIGITS).classify(written_seven("blue", "white")).seen)
    assert (seen[..., 0] == seen[..., 1]).all() and (seen[..., 0] == seen[..., 2]).all()
    assert seen[0, 0, 0] == 0 and seen.max() > 150


def test_colours_and_light_borders_stay_for_other_data(classifier):
    image = written_seven("blue", "white")
    prediction = classifier.classify(image)
    assert not prediction.inverted
    assert prediction.seen.getpixel((0, 0)) == (255, 255, 255)


def test_as_dict_is_what_the_page_and_the_command_line_say(classifier):
    prediction = classifier.classify(noise())
    answer = prediction.as_dict(2)
    assert {name: answer[name] for name in ("run", "epoch", "accuracy", "inverted")} == {
        "run": "a run",
        "epoch": 2,
        "accuracy": 0.625,
        "inverted": False,
    }
    assert [(item["class"], item["probability"]) for item in answer["classes"]] == list(prediction.ranked[:2])
    assert len(prediction.as_dict()["classes"]) == 4


# --- which checkpoint answers ---------------------------------------------------------------------------------


def test_without_a_checkpoint_it_says_so(store):
    with pytest.raises(CheckpointError, match="no trained checkpoint yet"):
        Predictor(store).classify(noise())


def test_the_run_that_was_trained_last_answers_whatever_its_age(store):
    older_run, newer_run = make_run(store, "20260101-old"), make_run(store, "20260202-new", seed=1)
    older_run.write_order(2)
    newer_run.write_order(1)
    assert Predictor(store).classify(noise()).run_id == older_run.id


def test_a_run_can_be_chosen(store):
    make_run(store, "first", seed=0)
    make_run(store, "second", seed=1)
    predictor = Predictor(store)
    answers = {run_id: predictor.classify(noise(), run_id) for run_id in ("first", "second")}
    assert {run_id: answer.run_id for run_id, answer in answers.items()} == {"first": "first", "second": "second"}
    for run_id, seed in (("first", 0), ("second", 1)):
        wanted = Classifier(network(seed), INFO).classify(noise()).ranked
        assert dict(answers[run_id].ranked) == pytest.approx(dict(wanted), abs=1e-5)


@pytest.mark.parametrize("run_id", ["../runs/first", "/etc", "..", ".", "", "first/../first", "first\0", "nothing"])
def test_only_the_id_of_a_run_chooses_one(store, run_id):
    make_run(store, "first")
    with pytest.raises(RunError, match="no such run"):
        Predictor(store).classify(noise(), run_id)


def test_a_run_without_a_checkpoint_says_so(store):
    make_run(store, "first").model_path.unlink()
    with pytest.raises(CheckpointError, match="'first' has no checkpoint"):
        Predictor(store).classify(noise(), "first")


def test_a_newer_checkpoint_is_read_an_old_one_is_not_read_again(store, monkeypatch):
    reads = []
    load = module.load_model
    monkeypatch.setattr(module, "load_model", lambda path: reads.append(path) or load(path))
    run = make_run(store, "first")
    predictor = Predictor(store)
    assert [predictor.classify(noise()).info.epoch for _ in range(3)] == [2, 2, 2]
    assert len(reads) == 1
    save_model(run.model_path, network(1), replace(INFO, epoch=3))
    assert predictor.classify(noise()).info.epoch == 3
    assert len(reads) == 2


def test_header_and_weights_are_of_one_save(store, monkeypatch):
    """A checkpoint that is replaced while it is read is read again."""
    run = make_run(store, "first")
    load, saves = module.load_model, []

    def slow_load(path):
        loaded = load(path)
        if not saves:
            saves.append(save_model(run.model_path, network(1), replace(INFO, epoch=9)))
        return loaded

    monkeypatch.setattr(module, "load_model", slow_load)
    prediction = Predictor(store).classify(noise())
    assert prediction.info.epoch == 9
    wanted = Classifier(network(1), INFO).classify(noise()).ranked
    assert dict(prediction.ranked) == pytest.approx(dict(wanted), abs=1e-5)


def test_few_networks_are_kept(store):
    for run_id in ("a", "b", "c"):
        make_run(store, run_id)
    predictor = Predictor(store)
    for run_id in ("a", "b", "a", "c"):
        predictor.classify(noise(), run_id)
    assert [path.parent.name for path in predictor.networks._loaded] == ["a", "c"]


def test_a_checkpoint_that_breaks_while_it_is_known_is_a_sentence(store):
    run = make_run(store, "first")
    predictor = Predictor(store)
    predictor.classify(noise(), "first")
    run.model_path.write_bytes(b"half")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        predictor.classify(noise(), "first")
    run.model_path.unlink()
    with pytest.raises(CheckpointError, match="no checkpoint"):
        predictor.classify(noise(), "first")


def test_a_file_that_vanishes_after_it_was_listed_is_a_sentence(store, monkeypatch):
    run = make_run(store, "first")
    monkeypatch.setattr(store, "latest_model", lambda: run.model_path.unlink() or run)
    with pytest.raises(CheckpointError, match="'first' has no checkpoint"):
        Predictor(store).classify(noise())


def test_the_newest_that_is_broken_is_passed_over(store):
    make_run(store, "good")
    make_run(store, "broken").model_path.write_bytes(b"half")
    assert Predictor(store).classify(noise()).run_id == "good"


def test_many_threads_load_it_once_and_get_one_answer(store, monkeypatch):
    reads = []
    load = module.load_model
    monkeypatch.setattr(module, "load_model", lambda path: reads.append(path) or load(path))
    make_run(store, "first")
    predictor, answers = Predictor(store), []
    threads = [threading.Thread(target=lambda: answers.append(predictor.classify(noise()).ranked)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reads) == 1
    assert len(answers) == 6
    assert all(dict(answer) == pytest.approx(dict(answers[0]), abs=1e-6) for answer in answers)


def test_a_checkpoint_file_answers_by_its_path(store):
    run = make_run(store, "first")
    prediction = Classifier.from_file(run.model_path).classify(noise())
    assert prediction.run_id is None
    with pytest.raises(CheckpointError):
        Classifier.from_file(run.path / "nothing.safetensors")

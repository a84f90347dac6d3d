"""An image of a folder keeps its part, whatever others come or go."""

import numpy as np
import pytest
import torch

from resnet_demo.data.dataset import BY_NAME, BY_POSITION, Dataset
from resnet_demo.data.image_names import draw, image_id, lowest_share
from resnet_demo.data.sources import drain, load_dataset
from resnet_demo.data.splits import Splits, split
from tests.support.image_folders import fill, noise_image


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path / "p", {"heads": 100, "tails": 100})


def parts(folder, data_dir, how: str = BY_NAME) -> Splits:
    dataset = drain(load_dataset(f"folder:{folder}", data_dir, how))
    return split(dataset, seed=0, validation_images=2000)


def pixels(part) -> set[bytes]:
    return {image.numpy().tobytes() for image in part.images}


def grow(folder, names) -> None:
    for label, path in enumerate(sorted(folder.iterdir())):
        for number, name in enumerate(names):
            noise_image(9000 + 1000 * label + number).save(path / f"{name}.png")


CHANGES = {
    "one more at the beginning": lambda folder: grow(folder, ["-first"]),
    "one more at the end": lambda folder: grow(folder, ["zz"]),
    "twenty more": lambda folder: grow(folder, [f"img_{n}" for n in range(20)]),
    "some go": lambda folder: [(folder / "heads" / f"{n:03}.png").unlink() for n in range(0, 100, 7)],
    "a class more": lambda folder: fill(folder, {"_": 0, "a": 0, "b": 0, "edge": 30}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_trained_on_is_never_tested_or_held_out_later(folder, tmp_path, change):
    before = parts(folder, tmp_path / "data")
    assert 5 <= len(before.validation) <= 30 and 8 <= len(before.test) <= 35
    CHANGES[change](folder)
    after = parts(folder, tmp_path / "data")
    trained = pixels(before.train)
    assert not trained & pixels(after.test) and not trained & pixels(after.validation)
    assert not pixels(before.test) & pixels(after.train)


def test_a_small_class_tests_with_the_same_image_as_long_as_it_is_its_lowest(load, tmp_path):
    dataset = load(fill(tmp_path / "p", {"a": 2, "b": 3}))
    assert dataset.test_labels.tolist() == [0, 1]


def test_another_seed_holds_out_others(folder, tmp_path):
    dataset = drain(load_dataset(f"folder:{folder}", tmp_path / "data"))
    first, second = (pixels(split(dataset, seed, validation_images=2000).validation) for seed in (0, 1))
    assert first and second and first != second


def test_so_many_training_images_are_taken_and_the_parts_share_none(folder, tmp_path):
    dataset = drain(load_dataset(f"folder:{folder}", tmp_path / "data"))
    drawn = split(dataset, 3, train_images=120, validation_images=5, test_images=7)
    assert len(drawn.train) + len(drawn.validation) == 120 and len(drawn.validation) == 5 and len(drawn.test) == 7
    assert not pixels(drawn.train) & pixels(drawn.validation)


def test_a_folder_that_an_earlier_version_split_keeps_its_split(folder, tmp_path):
    """The test images of the version before, by their numbers in the list."""
    names = sorted(f"{c}/{p.name}" for c in ("heads", "tails") for p in (folder / c).iterdir())
    random = np.random.RandomState(0)
    tested = [random.permutation(np.arange(100) + 100 * label)[:10] for label in range(2)]
    expected = {noise_image(1000 * (at // 100) + at % 100).tobytes() for part in tested for at in part}
    dataset = drain(load_dataset(f"folder:{folder}", tmp_path / "data", BY_POSITION))
    found = {image.permute(1, 2, 0).contiguous().numpy().tobytes() for image in dataset.test_images}
    assert len(names) == 200 and found == expected and dataset.train_ids is None


def test_both_splits_of_a_folder_are_kept_beside_each_other(folder, tmp_path):
    for how in (BY_NAME, BY_POSITION, BY_NAME, BY_POSITION):
        drain(load_dataset(f"folder:{folder}", tmp_path / "data", how))
    assert len(list((tmp_path / "data" / "decoded").iterdir())) == 2


def test_the_ids_survive_the_cache(folder, tmp_path):
    first, second = (drain(load_dataset(f"folder:{folder}", tmp_path / "data")) for _ in range(2))
    assert torch.equal(first.train_ids, second.train_ids) and len(first.train_ids) == len(first.train_labels)


def test_the_draw_of_a_name_never_changes():
    """By it runs resume and checkpoints are evaluated: a change here moves test images into training."""
    ids = np.array([image_id("dog", "001.png"), image_id("café", "x.jpg")], dtype=np.uint64).view(np.int64)
    assert draw(ids, 0, "test").tolist() == [7263085114444986552, 17874082039004494163]
    assert image_id("a", "cafe\u0301.png") == image_id("a", "caf\u00e9.png")


def test_the_draws_are_even():
    ids = np.array([image_id("c", str(n)) for n in range(20_000)], dtype=np.uint64).view(np.int64)
    for key in ((0, "test"), (0, "held out"), (1, "held out")):
        tenth = lowest_share(draw(ids, *key), 0.1)
        assert 1850 < tenth.sum() < 2150
    both = lowest_share(draw(ids, 0, "held out"), 0.1) & lowest_share(draw(ids, 1, "held out"), 0.1)
    assert 140 < both.sum() < 260, "two keys draw independently"


def test_the_digest_of_the_test_part_changes_with_it_alone(load, folder):
    first: Dataset = load(folder)
    tested = {image.permute(1, 2, 0).contiguous().numpy().tobytes() for image in first.test_images}
    files = [(noise_image(1000 * label + n).tobytes() in tested, folder / c / f"{n:03}.png")
             for label, c in enumerate(("heads", "tails")) for n in range(100)]  # fmt: skip
    next(path for is_tested, path in files if not is_tested).unlink()
    second = load(folder)
    assert second.test_digest() == first.test_digest() and second.digest() != first.digest()
    next(path for is_tested, path in files if is_tested).unlink()
    assert load(folder).test_digest() != first.test_digest()

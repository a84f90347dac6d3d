"""The folder and the digits, through the interface that all sources share."""

import errno
import json
import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sklearn import datasets

from resnet_demo.data import decoded_cache, folder
from resnet_demo.data.dataset import Dataset
from resnet_demo.data.framing import fit
from resnet_demo.data.images import load_image
from resnet_demo.data.sources import DataError, LoadProgress, drain, load_dataset
from resnet_demo.data.statistics import channel_statistics
from tests.support.image_folders import fill, noise_image


def drained(loading) -> tuple[Dataset, list[LoadProgress]]:
    """All of a loading: what it returns, and what it said on the way."""
    events = []
    return drain(loading, events.append), events


@pytest.fixture
def split_folder(tmp_path) -> Path:
    fill(tmp_path / "images" / "train", {"dog": 4, "ant": 3})
    fill(tmp_path / "images" / "test", {"ant": 2, "dog": 1})
    return tmp_path / "images"


def test_a_folder_gives_tensors_classes_and_labels(load, split_folder):
    dataset = load(split_folder)
    assert dataset.source == f"folder:{split_folder}" and dataset.classes == ("ant", "dog")
    assert dataset.train_images.shape == (7, 3, 32, 32) and dataset.train_images.dtype == torch.uint8
    assert dataset.train_labels.tolist() == [0, 0, 0, 1, 1, 1, 1] and dataset.train_labels.dtype == torch.int64
    assert dataset.test_images.shape == (3, 3, 32, 32) and dataset.test_labels.tolist() == [0, 0, 1]
    assert dataset.may_flip and not dataset.light_on_dark and dataset.warnings == ()


def test_a_folder_keeps_the_pixels_of_pillows_own_decoding(load, tmp_path):
    fill(tmp_path / "p" / "train", {"a": 3, "b": 3}, "jpg")
    fill(tmp_path / "p" / "test", {"a": 1, "b": 1}, "jpg")
    dataset = load(tmp_path / "p")
    for index, path in enumerate(sorted((tmp_path / "p" / "train").rglob("*.jpg"))):
        with Image.open(path) as expected:
            assert np.array_equal(dataset.train_images[index].permute(1, 2, 0), np.asarray(expected))


def test_other_sizes_and_modes_are_fitted_as_uploads_are(load, split_folder):
    first = split_folder / "train" / "ant"
    noise_image(1, (90, 50)).convert("CMYK").save(first / "000.tif")
    noise_image(2, (20, 70)).convert("LA").save(first / "001.png")
    Image.fromarray(np.full((40, 40), 30000, dtype=np.uint16)).save(first / "002.png")
    dataset = load(split_folder)
    for index, name in enumerate(["000.png", "000.tif", "001.png", "002.png"]):
        expected = np.asarray(fit(load_image(first / name)))
        assert np.array_equal(dataset.train_images[index].permute(1, 2, 0), expected)
    assert dataset.train_images[3].unique().tolist() == [round(30000 / 257)]


def test_one_level_of_classes_is_split_about_nine_to_one(load, tmp_path):
    dataset = load(fill(tmp_path / "p", {"a": 40, "b": 20, "c": 2}))
    train, test = dataset.train_labels.bincount(), dataset.test_labels.bincount()
    assert (train + test).tolist() == [40, 20, 2] and 3 <= len(dataset.test_labels) <= 10
    assert train[2] == test[2] == 1, "a class of two has one in each part"
    both = torch.cat([dataset.train_images, dataset.test_images]).flatten(1)
    assert len(both.unique(dim=0)) == 62, "an image is in both parts"


def test_the_split_is_the_same_wherever_the_folder_lies(load, tmp_path):
    first = load(fill(tmp_path / "one", {"a": 30, "b": 30}))
    second = load(fill(tmp_path / "two", {"a": 30, "b": 30}))
    assert torch.equal(first.test_images, second.test_images)


def test_unreadable_files_are_counted_named_and_left_out(load, split_folder):
    (split_folder / "train" / "dog" / "notes.txt").write_text("not an image")
    dataset = load(split_folder)
    assert len(dataset.train_images) == 7 and dataset.train_labels.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert len(dataset.warnings) == 1
    assert dataset.warnings[0].startswith("1 file could not be read") and "train/dog/notes.txt" in dataset.warnings[0]


def test_of_many_unreadable_files_five_are_named(load, split_folder):
    for index in range(22):
        (split_folder / "test" / "ant" / f"bad{index:02}.jpg").write_bytes(b"\xff\xd8broken")
    (warning,) = load(split_folder).warnings
    assert "22 files" in warning and warning.endswith("bad04.jpg and 17 more.")


def test_unreadable_files_take_no_place_in_the_split(load, tmp_path):
    root = fill(tmp_path / "p", {"a": 20, "b": 20})
    for index in set(range(20)) - {2, 3}:
        (root / "a" / f"{index:03}.png").write_bytes(b"")
    dataset = load(root)
    assert dataset.test_labels.bincount().tolist() == [1, 2]
    assert dataset.train_labels.bincount().tolist() == [1, 18]


def test_a_class_without_a_readable_image_is_a_warning(load, split_folder):
    (split_folder / "test" / "dog" / "000.png").write_text("broken")
    assert any("test on: dog" in warning for warning in load(split_folder).warnings)


def test_hidden_files_and_folders_are_ignored(load, split_folder):
    (split_folder / "train" / ".git").mkdir()
    (split_folder / "train" / ".git" / "x.png").write_text("x")
    (split_folder / "train" / "ant" / ".DS_Store").write_text("x")
    dataset = load(split_folder)
    assert dataset.classes == ("ant", "dog") and dataset.warnings == ()


def test_a_folder_that_is_not_there_is_named(refusal, tmp_path):
    assert "There is no folder" in refusal(tmp_path / "nowhere")


def test_a_folder_without_classes_is_told_the_layout(refusal, tmp_path):
    (tmp_path / "p" / "empty class").mkdir(parents=True)
    noise_image(0).save(tmp_path / "p" / "loose.png")
    assert "PATH/train/<class>/*" in refusal(tmp_path / "p")


def test_a_train_folder_without_a_test_folder_is_told_the_layout(refusal, tmp_path):
    fill(tmp_path / "p" / "train", {"a": 2, "b": 2})
    assert "PATH/test/<class>/*" in refusal(tmp_path / "p")


def test_one_class_is_not_enough(refusal, tmp_path):
    assert "one class only ('a')" in refusal(fill(tmp_path / "p", {"a": 3}))


def test_classes_that_differ_between_train_and_test_are_named(refusal, split_folder):
    fill(split_folder / "train", {"elk": 1})
    fill(split_folder / "test", {"fox": 1})
    said = refusal(split_folder)
    assert "only in train: elk" in said and "only in test: fox" in said


def test_a_folder_without_one_readable_image_is_refused(refusal, tmp_path):
    for name in ("a", "b"):
        (tmp_path / "p" / name).mkdir(parents=True)
        (tmp_path / "p" / name / "x.jpg").write_text("no")
    said = refusal(tmp_path / "p")
    assert "no readable image" in said and "2 files could not be read" in said


def test_a_class_folder_that_may_not_be_read_is_named(refusal, split_folder, monkeypatch):
    ant, scandir = split_folder / "train" / "ant", os.scandir

    def forbidden(path):
        if path == ant:
            raise PermissionError(errno.EACCES, "Permission denied", str(ant))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", forbidden)  # by permissions it would not stop root, who runs CI
    assert f"{ant} cannot be read: Permission denied" in refusal(split_folder)


def test_a_folder_that_may_not_be_entered_is_named(refusal, split_folder, monkeypatch):
    def forbidden(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", forbidden)
    assert f"{split_folder} may not be read" in refusal(split_folder)


@pytest.fixture
def no_decoding(monkeypatch):
    def decoded(*_):
        raise AssertionError("decoded again")

    return lambda: monkeypatch.setattr(folder, "decode", decoded)


def cache_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "data" / "decoded").iterdir())


def assert_equal(first: Dataset, second: Dataset) -> None:
    for field in fields(Dataset):
        a, b = getattr(first, field.name), getattr(second, field.name)
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b, field.name


def test_the_second_load_reads_what_the_first_decoded(load, split_folder, no_decoding):
    (split_folder / "train" / "dog" / "bad.png").write_text("x")
    first = load(split_folder)
    no_decoding()
    assert_equal(first, load(split_folder))
    assert first.warnings


@pytest.mark.parametrize("change", ["content", "added", "removed", "renamed"])
def test_a_changed_folder_is_decoded_again_and_its_old_cache_goes(load, split_folder, tmp_path, change):
    first = load(split_folder)
    (old,) = cache_files(tmp_path)
    path = split_folder / "train" / "ant" / "001.png"
    if change == "content":
        noise_image(77).save(path)
        os.utime(path, ns=(1, 1))
    elif change == "added":
        noise_image(77).save(path.with_name("900.png"))
    elif change == "removed":
        path.unlink()
    else:
        path.rename(path.with_name("900.png"))
    second = load(split_folder)
    assert not torch.equal(first.train_images, second.train_images)
    assert len(cache_files(tmp_path)) == 1 and old not in cache_files(tmp_path)


def test_another_way_of_decoding_does_not_read_the_old_cache(load, split_folder, monkeypatch, no_decoding):
    load(split_folder)
    monkeypatch.setattr(folder, "DECODING_VERSION", folder.DECODING_VERSION + 1)
    no_decoding()
    with pytest.raises(AssertionError, match="decoded again"):
        load(split_folder)


def test_another_folders_cache_stays(load, tmp_path):
    load(fill(tmp_path / "one", {"a": 2, "b": 2}))
    load(fill(tmp_path / "two", {"a": 2, "b": 2}))
    assert len(cache_files(tmp_path)) == 2


@pytest.mark.parametrize("name", [".ant-1.safetensors.77.part", ".tmpA1b2C3"])
def test_what_a_killed_writer_left_goes_and_what_another_writes_stays(load, split_folder, tmp_path, name):
    folder = tmp_path / "data" / "decoded"
    folder.mkdir(parents=True)
    new = folder / name.replace("1", "2")
    new.touch()
    (folder / name).touch()
    os.utime(folder / name, (0, 0))
    load(split_folder)
    assert not (folder / name).exists() and new.exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign", "text", "image", "label", "statistics", "of before"])
def test_a_damaged_cache_is_decoded_again_without_a_word(load, split_folder, tmp_path, damage):
    first = load(split_folder)
    (cache,) = cache_files(tmp_path)
    whole = cache.read_bytes()
    if damage == "foreign":
        save_file({"x": torch.zeros(1)}, cache)
    elif damage == "of before":  # without a digest
        with safe_open(cache, "pt") as file:
            save_file(load_file(cache), cache, metadata={"dataset": file.metadata()["dataset"]})
    elif damage == "statistics":
        cache.write_bytes(whole.replace(b"mean", b"maen"))
    elif damage in ("image", "label"):
        header = int.from_bytes(whole[:8], "little")
        first_byte, _ = json.loads(whole[8 : 8 + header])[f"train_{damage}s"]["data_offsets"]
        place = 8 + header + first_byte
        cache.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
    else:
        cache.write_bytes({"cut": whole[:-100], "empty": b"", "text": b"hello" * 50}[damage])
    assert_equal(first, load(split_folder))
    assert set(load_file(cache)) == {"train_images", "train_labels", "train_ids", "test_images", "test_labels"}


def test_a_cache_that_cannot_be_written_is_a_warning(load, split_folder, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")
    dataset = load(split_folder)
    assert len(dataset.train_images) == 7 and "could not be kept" in dataset.warnings[0]


def test_a_full_disk_leaves_no_half_cache_behind(load, split_folder, tmp_path, monkeypatch):
    def full(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(decoded_cache, "save_file", full)
    assert "No space left" in load(split_folder).warnings[0]
    assert cache_files(tmp_path) == []


def test_digits_are_1500_and_297_of_every_class():
    dataset = drain(load_dataset("digits", Path("unused")))
    assert dataset.classes == tuple("0123456789")
    assert dataset.train_images.shape == (1500, 3, 32, 32) and dataset.test_images.shape == (297, 3, 32, 32)
    assert dataset.train_images.dtype == torch.uint8 and dataset.train_labels.dtype == torch.int64
    shares = dataset.test_labels.bincount() / (dataset.test_labels.bincount() + dataset.train_labels.bincount())
    assert (shares - 297 / 1797).abs().max() < 0.01
    assert not dataset.may_flip and dataset.light_on_dark


def test_digits_are_scikit_learns_enlarged_in_three_equal_channels():
    dataset = drain(load_dataset("digits", Path("unused")))
    images = torch.cat([dataset.train_images, dataset.test_images])
    assert torch.equal(images[:, 0], images[:, 1]) and torch.equal(images[:, 0], images[:, 2])
    assert images.max() == 255 and images[:, :, 0, 0].float().mean() < 5, "light strokes on black"
    original = datasets.load_digits()
    labels = torch.cat([dataset.train_labels, dataset.test_labels])
    assert labels.bincount().tolist() == np.bincount(original.target).tolist()
    # The mean over each 4x4 block is close to the pixel it was enlarged from, and closest to the right digit's.
    small = images[:20, 0].float().unfold(1, 4, 4).unfold(2, 4, 4).mean((-1, -2)).flatten(1) * 16 / 255
    nearest = torch.cdist(small, torch.from_numpy(original.images).float().flatten(1)).argmin(1)
    assert original.target[nearest].tolist() == labels[:20].tolist()


def test_digits_are_split_alike_every_time():
    first, second = (drain(load_dataset("digits", Path("unused"))) for _ in range(2))
    assert_equal(first, second)


def test_statistics_equal_torchs_own():
    images = torch.randint(0, 256, (50, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = channel_statistics(images)
    values = images.double() / 255
    assert mean == pytest.approx(values.mean((0, 2, 3)).tolist(), abs=1e-12)
    assert std == pytest.approx(values.std((0, 2, 3), correction=0).tolist(), abs=1e-12)


def test_a_constant_channel_has_a_floor_under_its_deviation():
    images = torch.randint(0, 256, (50, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images[:, 2] = 7
    mean, std = channel_statistics(images)
    assert mean[2] == pytest.approx(7 / 255) and std[2] == pytest.approx(1 / 255) and min(std[:2]) > 0.2


@pytest.mark.parametrize("colour", [None, (0, 0, 0)])
def test_images_that_are_all_equal_are_a_sentence(refusal, tmp_path, colour):
    root = fill(tmp_path / "p", {"a": 20, "b": 20})
    same = Image.new("RGB", (32, 32), colour) if colour else noise_image(1)
    for path in root.rglob("*.png"):
        same.save(path)
    assert "All training images are equal" in refusal(root)


@pytest.mark.parametrize("source", ["", "cifar", "folder:", "http://example.org"])
def test_an_unknown_source_is_told_the_three(source):
    with pytest.raises(DataError, match="cifar10, digits or folder:PATH"):
        next(load_dataset(source, Path("unused")))

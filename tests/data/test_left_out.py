"""Nothing of a folder vanishes without a word: what is left out is counted and named."""

import shutil

import pytest

from tests.support.image_folders import fill, noise_image


@pytest.fixture
def folder(tmp_path):
    return fill(tmp_path / "p", {"red": 20, "green": 20})


def test_images_one_level_deeper_are_counted(load, folder):
    fill(folder / "blue", {"2023": 7})
    dataset = load(folder)
    assert dataset.classes == ("green", "red")
    assert dataset.warnings == ("Folders inside a class folder are not used: blue/2023 (7 files).",)


def test_an_empty_class_folder_is_named_also_where_the_images_are_known_already(load, folder):
    assert load(folder).warnings == ()
    (folder / "blue").mkdir()
    assert load(folder).warnings == ("Folders without a file are no classes: blue.",)


def test_a_folder_of_notes_is_no_class(load, folder):
    (folder / "labels").mkdir()
    (folder / "labels" / "red.txt").write_text("0")
    dataset = load(folder)
    assert dataset.classes == ("green", "red")
    assert dataset.warnings == ("Nothing in these folders can be read as an image, so they are no classes: labels.",)
    assert load(folder).warnings == dataset.warnings, "said again by the next start"


def test_notes_in_one_part_alone_are_no_class_either(load, tmp_path):
    for part in ("train", "test"):
        fill(tmp_path / "p" / part, {"red": 5, "green": 5})
    (tmp_path / "p" / "train" / "labels").mkdir()
    (tmp_path / "p" / "train" / "labels" / "red.csv").write_text("0")
    dataset = load(tmp_path / "p")
    assert dataset.classes == ("green", "red") and "labels" in dataset.warnings[0]


def test_a_file_without_a_suffix_is_an_image_if_it_can_be_read(load, folder):
    (folder / "blue").mkdir()
    for number in range(2):
        noise_image(number).save(folder / "blue" / f"image{number}", "PNG")
    assert load(folder).classes == ("blue", "green", "red")


def test_links_to_nowhere_and_to_themselves_are_counted(load, folder):
    (folder / "annexed").mkdir()
    for number in range(40):
        (folder / "annexed" / f"{number:03}.png").symlink_to("../../.git/annex/objects/nothing")
    (folder / "red" / "loop.png").symlink_to("loop.png")
    (folder / "red" / "again").symlink_to("..")
    (folder / "circle").symlink_to("circle")
    dataset = load(folder)
    assert dataset.classes == ("green", "red") and len(dataset.train_labels) + len(dataset.test_labels) == 40
    assert any(warning.startswith("41 links to no file") and "36 more" in warning for warning in dataset.warnings)


def test_a_class_that_is_a_link_counts(load, folder, tmp_path):
    fill(tmp_path / "elsewhere", {"blue": 20})
    (folder / "blue").symlink_to(tmp_path / "elsewhere" / "blue")
    assert load(folder).classes == ("blue", "green", "red")


def test_a_third_part_and_loose_images_are_named(load, tmp_path):
    for part in ("train", "test", "validation"):
        fill(tmp_path / "p" / part, {"red": 4, "green": 4})
    noise_image(1).save(tmp_path / "p" / "train" / "loose.png")
    assert load(tmp_path / "p").warnings == (
        "Only the folders train and test are used, not validation (8 files).",
        "1 image outside the class folders cannot be used: train/loose.png.",
    )


def test_a_part_of_another_name_is_told_how_to_be_named(refusal, tmp_path):
    for part in ("train", "val"):
        fill(tmp_path / "p" / part, {"red": 4, "green": 4})
    assert "Rename 'val' to 'test'." in refusal(tmp_path / "p")


def test_what_operating_systems_leave_needs_no_word(load, folder):
    for name in ("red/Thumbs.db", "green/desktop.ini", "red/.DS_Store", "Thumbs.db"):
        (folder / name).write_bytes(b"\xd0\xcf")
    (folder / "__MACOSX").mkdir()
    shutil.copy(folder / "red" / "000.png", folder / "__MACOSX" / "000.png")
    assert load(folder).warnings == ()

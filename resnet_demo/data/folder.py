"""A folder of pictures: PATH/train/<class>/* and PATH/test/<class>/*, or PATH/<class>/* split 90/10."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from resnet_demo.data import decoded_cache
from resnet_demo.data.dataset import DataError, Dataset, Loading, LoadProgress
from resnet_demo.data.decoding import decode
from resnet_demo.data.statistics import channel_statistics

DECODING_VERSION = 2  # raise it when images.py gives other pixels for the same file
SPLIT_SEED = 0
TEST_SHARE = 0.1
NAMED = 5
LAYOUT = "Expected: PATH/train/<class>/* and PATH/test/<class>/*, or PATH/<class>/*."


class PictureFile(NamedTuple):
    """One file as the folder lists it, before it is opened."""

    name: str  # relative to the folder
    class_name: str
    size: int  # bytes
    mtime_ns: int


@dataclass(frozen=True)
class Listing:
    """What lies in the folder. Where `is_split` is false, `test` is empty and `train` is yet to be split."""

    root: Path
    classes: tuple[str, ...]
    train: list[PictureFile]
    test: list[PictureFile]
    is_split: bool

    @property
    def files(self) -> list[PictureFile]:
        return self.train + self.test

    @property
    def is_large(self) -> bool:
        """Whether decoding takes long enough (a second or so) for processes to pay."""
        return len(self.files) > 4000 or sum(file.size for file in self.files) > 20_000_000


def load_folder(source: str, root: Path, data_dir: Path) -> Loading:
    """Pictures of any size and mode, fitted to 32x32 as uploads are; classes in alphabetical order.

    Unreadable files are left out and named in `warnings`. The decoded pictures are kept in `data_dir`/decoded
    and used as long as the files' names, sizes and times are the same. Raises DataError.
    """
    yield LoadProgress("decoding", 0, 0)
    listing = list_folder(root)
    cache, stale = _cache_path(listing, data_dir)
    dataset = decoded_cache.read(cache, source)
    if dataset is None:
        dataset = yield from _decode(listing, source)
        dataset = decoded_cache.write(cache, dataset, stale)
    return dataset


def list_folder(root: Path) -> Listing:
    """Classes and files, hidden ones left out. Raises DataError where they cannot be learnt from."""
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Check the path.")
    is_split = (root / "train").is_dir() and (root / "test").is_dir()
    try:
        train = list(_class_files(root, "train/" if is_split else ""))
        test = list(_class_files(root, "test/")) if is_split else []
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}. Mend that and start again.") from error
    classes = tuple(sorted({file.class_name for file in train}))
    if is_split:
        _check_same_classes(root, classes, {file.class_name for file in test})
    _check_enough_classes(root, classes)
    return Listing(root, classes, train, test, is_split)


def _class_files(root: Path, part: str) -> Iterator[PictureFile]:
    for folder in _entries(root / part):
        if folder.is_dir():
            for entry in _entries(Path(folder.path)):
                if entry.is_file():
                    stat = entry.stat()
                    name = f"{part}{folder.name}/{entry.name}"
                    yield PictureFile(name, folder.name, stat.st_size, stat.st_mtime_ns)


def _entries(folder: Path) -> list[os.DirEntry]:
    """By name, without the hidden ones. (scandir: pathlib would ask the disk twice for each of 60,000.)"""
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)


def _check_same_classes(root: Path, train: tuple[str, ...], test: set[str]) -> None:
    only_train, only_test = sorted(set(train) - test), sorted(test - set(train))
    if only_train or only_test:
        found = [f"only in train: {_some(only_train)}"] * bool(only_train)
        found += [f"only in test: {_some(only_test)}"] * bool(only_test)
        raise DataError(
            f"The classes of {root / 'train'} and {root / 'test'} differ ({'; '.join(found)}). "
            "Give both the same class folders, each with pictures in it."
        )


def _check_enough_classes(root: Path, classes: tuple[str, ...]) -> None:
    if not classes:
        raise DataError(f"{root} has no class folders with pictures in them. {LAYOUT}")
    if len(classes) < 2:
        raise DataError(f"{root} has pictures of one class only ('{classes[0]}'); it takes two to tell apart. {LAYOUT}")


def _cache_path(listing: Listing, data_dir: Path) -> tuple[Path, str]:
    """The file that belongs to exactly these files, and a pattern for all of this folder's."""
    folder = hashlib.sha256(os.fsencode(listing.root.resolve())).hexdigest()[:16]
    lines = [f"decoding {DECODING_VERSION}"]
    lines += [f"{file.name}\0{file.size}\0{file.mtime_ns}" for file in listing.files]
    content = hashlib.sha256(os.fsencode("\n".join(lines))).hexdigest()[:16]
    return data_dir / "decoded" / f"{folder}-{content}.safetensors", f"{folder}-*.safetensors"


def _decode(listing: Listing, source: str) -> Loading:
    files = listing.files
    paths = [f"{listing.root}{os.sep}{file.name}" for file in files]
    images, unreadable = yield from decode(paths, listing.is_large)
    place = {name: label for label, name in enumerate(listing.classes)}
    labels = np.array([place[file.class_name] for file in files], dtype=np.int64)
    readable = np.ones(len(files), dtype=bool)
    readable[unreadable] = False
    if listing.is_split:
        is_test = np.arange(len(files)) >= len(listing.train)
    else:
        is_test = _tenth_of_each_class(np.where(readable, labels, -1), len(listing.classes))
    train, test = np.flatnonzero(readable & ~is_test), np.flatnonzero(readable & is_test)
    _check_enough_pictures(listing.root, len(train), len(test), len(unreadable))
    train_images = _rows(images, train)
    mean, std = channel_statistics(train_images)
    return Dataset(
        source=source,
        classes=listing.classes,
        train_images=train_images,
        train_labels=torch.from_numpy(labels[train]),
        test_images=_rows(images, test),
        test_labels=torch.from_numpy(labels[test]),
        mean=mean,
        std=std,
        may_flip=True,
        light_on_dark=False,
        warnings=tuple(_warnings(listing, unreadable, labels[train], labels[test])),
    )


def _tenth_of_each_class(labels: np.ndarray, classes: int) -> np.ndarray:
    """Which pictures test: bool (N,), the same for the same labels; label -1 belongs to no class."""
    # RandomState, old as it is: of numpy's generators the one whose numbers will never change.
    random = np.random.RandomState(SPLIT_SEED)
    is_test = np.zeros(len(labels), dtype=bool)
    for label in range(classes):
        members = random.permutation(np.flatnonzero(labels == label))
        if len(members) > 1:
            is_test[members[: max(1, round(len(members) * TEST_SHARE))]] = True
    return is_test


def _rows(images: np.ndarray, places: np.ndarray) -> Tensor:
    """The pictures at `places`, ascending; neighbours are shared instead of copied."""
    first, last = places[0], places[-1]
    rows = images[first : last + 1] if last - first + 1 == len(places) else images[places]
    return torch.from_numpy(rows)


def _check_enough_pictures(root: Path, train: int, test: int, unreadable: int) -> None:
    if train == 0 or test == 0:
        part = "train on" if train == 0 else "test on"
        raise DataError(
            f"{root} has no readable picture to {part} ({unreadable} files could not be read). "
            "Add images: PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF, up to 25 MB each."
        )


def _warnings(listing: Listing, unreadable: list[int], train: np.ndarray, test: np.ndarray) -> Iterator[str]:
    if unreadable:
        names = [listing.files[place].name for place in unreadable]
        count = "1 file" if len(names) == 1 else f"{len(names):,} files"
        yield f"{count} could not be read as a picture and will not be used: {_some(names)}."
    for part, labels in (("train", train), ("test", test)):
        empty = [name for label, name in enumerate(listing.classes) if label not in labels]
        if empty:
            yield f"Classes without a picture to {part} on: {_some(empty)}."


def _some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")

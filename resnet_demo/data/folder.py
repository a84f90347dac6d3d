"""A folder of images: PATH/train/<class>/* and PATH/test/<class>/*, or PATH/<class>/* of which a tenth tests."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from resnet_demo.data import decoded_cache
from resnet_demo.data.dataset import BY_NAME, DataError, Dataset, Loading, LoadProgress
from resnet_demo.data.decoding import decode
from resnet_demo.data.folder_listing import Listing, check_enough_classes, check_same_classes, list_folder, some
from resnet_demo.data.image_names import draw, image_id, lowest_share
from resnet_demo.data.statistics import channel_statistics
from resnet_demo.text import printable

DECODING_VERSION = 2  # raise it when images.py gives other pixels for the same file
SPLIT_SEED = 0
TEST_SHARE = 0.1


def load_folder(source: str, root: Path, data_dir: Path, split: str = BY_NAME) -> Loading:
    """Images of any size and mode, fitted to 32x32 as uploads are; classes in alphabetical order.

    What is left out is counted and named in `warnings`. Where the folder has no parts of its own a tenth of each class
    tests: BY_NAME an image keeps its part whatever others come or go; BY_POSITION, as earlier versions had it, its part
    follows from its place in the list. The decoded images are kept in `data_dir`/decoded and used as long as the
    files' names, sizes and times are the same. Raises DataError.
    """
    yield LoadProgress("decoding", 0, 0)
    listing = list_folder(root, sort_as_read=split == BY_NAME)
    cache, stale = _cache_path(listing, data_dir, split)
    dataset = decoded_cache.read(cache, source)
    if dataset is None:
        dataset = yield from _decode(listing, source, split)
        dataset = decoded_cache.write(cache, dataset, stale)
    left_out = listing.left_out.sentences()  # not in the cache, which is kept while the files are the same
    return replace(dataset, warnings=(*left_out, *dataset.warnings))


def _cache_path(listing: Listing, data_dir: Path, split: str) -> tuple[Path, str]:
    """The file that belongs to exactly these files, and a pattern for those that it makes useless: BY_NAME all of this
    folder's, BY_POSITION, which only runs of earlier versions ask for, those of its own kind."""
    folder = hashlib.sha256(os.fsencode(listing.root.resolve())).hexdigest()[:16]
    lines = [f"decoding {DECODING_VERSION}"]
    lines += [f"{file.name}\0{file.size}\0{file.mtime_ns}" for file in listing.files]
    content = hashlib.sha256(os.fsencode("\n".join(lines))).hexdigest()[:16]
    if split == BY_NAME:
        return data_dir / "decoded" / f"{folder}-{split}-{content}.safetensors", f"{folder}-*.safetensors"
    return data_dir / "decoded" / f"{folder}-{content}.safetensors", f"{folder}-{'[0-9a-f]' * 16}.safetensors"


def _decode(listing: Listing, source: str, split: str) -> Loading:
    files = listing.files
    paths = [f"{listing.root}{os.sep}{file.name}" for file in files]
    images, unreadable = yield from decode(paths, listing.is_large)
    readable = np.ones(len(files), dtype=bool)
    readable[unreadable] = False
    classes, notes = listing.classes, list[str]()
    if split == BY_NAME:
        classes, notes = _with_images(listing, readable)
    place = {name: label for label, name in enumerate(classes)}
    labels = np.array([place.get(file.class_name, -1) for file in files], dtype=np.int64)
    labels[~readable] = -1
    ids = np.array([image_id(file.class_name, file.file_name) for file in files], dtype=np.uint64).view(np.int64)
    if listing.is_split:
        is_test = np.arange(len(files)) >= len(listing.train)
    elif split == BY_NAME:
        is_test = _tenth_by_name(labels, ids, len(classes))
    else:
        is_test = _tenth_by_position(labels, len(classes))
    train, test = np.flatnonzero((labels >= 0) & ~is_test), np.flatnonzero((labels >= 0) & is_test)
    _check_enough_images(listing.root, len(train), len(test), len(unreadable))
    train_images = _rows(images, train)
    mean, std = channel_statistics(train_images)
    lost = [files[at].name for at in unreadable if files[at].class_name in place]
    return Dataset(
        source=source,
        classes=classes,
        train_images=train_images,
        train_labels=torch.from_numpy(labels[train]),
        test_images=_rows(images, test),
        test_labels=torch.from_numpy(labels[test]),
        mean=mean,
        std=std,
        may_flip=True,
        light_on_dark=False,
        warnings=tuple(_warnings(classes, notes, lost, labels[train], labels[test])),
        train_ids=torch.from_numpy(ids[train]) if split == BY_NAME else None,
    )


def _with_images(listing: Listing, readable: np.ndarray) -> tuple[tuple[str, ...], list[str]]:
    """The classes, and the names of folders that are none since nothing in them can be read. Raises DataError."""
    found = {file.class_name for file, is_readable in zip(listing.files, readable, strict=True) if is_readable}
    if listing.is_split:
        parts = ({file.class_name for file in part} & found for part in (listing.train, listing.test))
        check_same_classes(listing.root, *parts)
    classes = tuple(name for name in listing.classes if name in found)
    if found:  # else no image can be read at all, which is another sentence
        check_enough_classes(listing, classes)
    return classes, [name for name in listing.classes if name not in found]


def _tenth_by_name(labels: np.ndarray, ids: np.ndarray, classes: int) -> np.ndarray:
    """Which images test: bool (N,), each by its own name alone. Only where that leaves a class without any, its lowest
    one tests, until another comes that does by its own name."""
    drawn = draw(ids, SPLIT_SEED, "test")
    is_test = lowest_share(drawn, TEST_SHARE)
    for label in range(classes):
        members = np.flatnonzero(labels == label)
        if len(members) > 1 and is_test[members].all():
            is_test[members[drawn[members].argmax()]] = False
        elif len(members) > 1 and not is_test[members].any():
            is_test[members[drawn[members].argmin()]] = True
    return is_test


def _tenth_by_position(labels: np.ndarray, classes: int) -> np.ndarray:
    """As earlier versions split: bool (N,), the same for the same labels; label -1 belongs to no class."""
    # RandomState, old as it is: of numpy's generators the one whose numbers will never change.
    random = np.random.RandomState(SPLIT_SEED)
    is_test = np.zeros(len(labels), dtype=bool)
    for label in range(classes):
        members = random.permutation(np.flatnonzero(labels == label))
        if len(members) > 1:
            is_test[members[: max(1, round(len(members) * TEST_SHARE))]] = True
    return is_test


def _rows(images: np.ndarray, places: np.ndarray) -> Tensor:
    """The images at `places`, ascending; neighbours are shared instead of copied."""
    first, last = places[0], places[-1]
    rows = images[first : last + 1] if last - first + 1 == len(places) else images[places]
    return torch.from_numpy(rows)


def _check_enough_images(root: Path, train: int, test: int, unreadable: int) -> None:
    if train == 0 or test == 0:
        part = "train on" if train == 0 else "test on"
        raise DataError(
            f"{printable(str(root))} has no readable image to {part} ({unreadable} files could not be read). "
            "Add images: PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF, up to 25 MB each."
        )


def _warnings(
    classes: tuple[str, ...], notes: list[str], lost: list[str], train: np.ndarray, test: np.ndarray
) -> Iterator[str]:
    """`notes` are folders without an image, `lost` the names of files that could not be read in the others, `train` and
    `test` the labels of those that could."""
    if notes:
        yield f"Nothing in these folders can be read as an image, so they are no classes: {some(notes)}."
    if lost:
        count = "1 file" if len(lost) == 1 else f"{len(lost):,} files"
        yield f"{count} could not be read as an image and will not be used: {some(lost)}."
    for part, labels in (("train", train), ("test", test)):
        empty = [name for label, name in enumerate(classes) if label not in labels]
        if empty:
            yield f"Classes without an image to {part} on: {some(empty)}."

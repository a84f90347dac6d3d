"""What lies in a folder of images: its classes and files, and what is left out of it. No image is opened here."""

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from resnet_demo.data.dataset import DataError
from resnet_demo.data.images import FORMATS
from resnet_demo.language import t
from resnet_demo.text import name_of_class, plural, printable

LITTER = ("Thumbs.db", "desktop.ini", "__MACOSX")  # what operating systems leave, beside files that begin with a dot
HELD_OUT_PARTS = ("val", "valid", "validation", "dev")  # what others call a part to choose by
NAMED = 5
LAYOUT = "Expected: PATH/train/<class>/* and PATH/test/<class>/*, or PATH/<class>/*."


class ImageFile(NamedTuple):
    """One file as the folder lists it, before it is opened."""

    name: str  # relative to the folder, as the system knows it
    class_name: str
    size: int  # bytes
    mtime_ns: int

    @property
    def file_name(self) -> str:
        return self.name.rpartition("/")[2]


@dataclass
class LeftOut:
    """What a folder holds that is neither trained nor tested on: names relative to it."""

    parts: dict[str, int] = field(default_factory=dict)  # folders beside train and test, with their number of files
    deeper: dict[str, int] = field(default_factory=dict)  # folders inside class folders
    links: list[str] = field(default_factory=list)  # that lead nowhere
    beside: list[str] = field(default_factory=list)  # images beside the class folders
    empty: list[str] = field(default_factory=list)  # folders without a file

    def sentences(self) -> Iterator[str]:
        if self.parts:
            yield f"Only the folders train and test are used, not {_with_counts(self.parts)}."
        if self.deeper:
            yield f"Folders inside a class folder are not used: {_with_counts(self.deeper)}."
        if self.links:
            yield f"{_counted(self.links, 'link')} to no file cannot be used: {some(self.links)}."
        if self.beside:
            yield f"{_counted(self.beside, 'image')} outside the class folders cannot be used: {some(self.beside)}."
        if self.empty:
            yield f"Folders without a file are no classes: {some(self.empty)}."


@dataclass(frozen=True)
class Listing:
    """What lies in the folder. Where `is_split` is false, `test` is empty and `train` is yet to be split."""

    root: Path
    classes: tuple[str, ...]
    train: list[ImageFile]
    test: list[ImageFile]
    is_split: bool
    left_out: LeftOut

    @property
    def files(self) -> list[ImageFile]:
        return self.train + self.test

    @property
    def is_large(self) -> bool:
        """Whether decoding takes long enough (a second or so) for processes to pay."""
        return len(self.files) > 4000 or sum(file.size for file in self.files) > 20_000_000


def list_folder(root: Path, sort_as_read: bool = True) -> Listing:
    """Classes and files, hidden ones left out. Raises DataError where they cannot be learnt from.

    Classes are sorted as people read them or, as earlier versions did, as the system knows their folders.
    """
    if not root.is_dir():
        raise DataError(
            t(
                "There is no folder {folder}. Check the path; where the images have moved, name their new place with "
                "--data folder:PATH, or choose it where the page offers it.",
                folder=printable(str(root)),
            )
        )
    is_split = (root / "train").is_dir() and (root / "test").is_dir()
    left_out = LeftOut()
    try:
        train = list(_class_files(root, "train/" if is_split else "", left_out))
        test = list(_class_files(root, "test/", left_out)) if is_split else []
        if is_split:
            others = [e for e in _entries(root) if e.name not in ("train", "test") and _kind(e) == "folder"]
            left_out.parts = {other.name: count for other in others if (count := _count_files(other.path))}
    except OSError as error:
        name = printable(str(error.filename))
        raise DataError(
            t("{file} cannot be read: {reason}. Fix that and start again.", file=name, reason=error.strerror)
        ) from error
    names = dict.fromkeys(file.class_name for file in train)
    listing = Listing(root, tuple(sorted(names) if sort_as_read else names), train, test, is_split, left_out)
    if is_split:
        _check_evident_classes(listing)
    check_enough_classes(listing, listing.classes)
    return listing


def _class_files(root: Path, part: str, left_out: LeftOut) -> Iterator[ImageFile]:
    for folder in _entries(root / part):
        if _kind(folder) == "folder":
            yield from _files_of_class(f"{part}{folder.name}", folder, left_out)
        elif looks_like_image(folder.name):
            left_out.beside.append(f"{part}{folder.name}")


def _files_of_class(name: str, folder: os.DirEntry, left_out: LeftOut) -> Iterator[ImageFile]:
    own_name, files, others = name_of_class(folder.name), 0, 0
    for entry in _entries(Path(folder.path)):
        inner = f"{name}/{entry.name}"
        match _kind(entry):
            case "file":
                stat = entry.stat()
                files += 1
                yield ImageFile(inner, own_name, stat.st_size, stat.st_mtime_ns)
            case "folder":
                if count := _count_files(entry.path):
                    left_out.deeper[inner] = count
                    others += 1
            case _:
                left_out.links.append(inner)
                others += 1
    if not files and not others:
        left_out.empty.append(name)


def _kind(entry: os.DirEntry) -> str:
    """'file', 'folder' or '': a link that leads nowhere or to itself, or what is neither, as a socket."""
    try:
        return "file" if entry.is_file() else "folder" if entry.is_dir() else ""
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        return ""


def _entries(folder: Path) -> list[os.DirEntry]:
    """By name, without the hidden ones. (scandir: pathlib would ask the disk twice for each of 60,000.)"""
    with os.scandir(folder) as entries:
        shown = (e for e in entries if not e.name.startswith(".") and e.name not in LITTER)
        return sorted(shown, key=lambda entry: entry.name)


def _count_files(folder: str) -> int:
    """However deep; links to folders are not followed, since they may lead back."""
    return sum(sum(not name.startswith(".") for name in files) for _, _, files in os.walk(folder))


def looks_like_image(name: str) -> bool:
    return Image.registered_extensions().get(Path(name).suffix.lower()) in FORMATS


def _check_evident_classes(listing: Listing) -> None:
    """Before minutes of decoding: whether train and test have the same classes. Folders without a file that looks like
    an image may be notes, which shows when they are opened."""
    evident = {file.class_name for file in listing.files if looks_like_image(file.name)}
    listed = ({file.class_name for file in part} for part in (listing.train, listing.test))
    train, test = (classes & evident for classes in listed)
    check_same_classes(listing.root, train, test)


def check_same_classes(root: Path, train: set[str], test: set[str]) -> None:
    """Raises DataError that names what only one part has."""
    only_train, only_test = sorted(train - test), sorted(test - train)
    if only_train or only_test:
        found = [f"only in train: {some(only_train)}"] * bool(only_train)
        found += [f"only in test: {some(only_test)}"] * bool(only_test)
        raise DataError(
            f"The classes of {printable(str(root / 'train'))} and {printable(str(root / 'test'))} differ "
            f"({'; '.join(found)}). Give both the same class folders, each with images in it."
        )


def check_enough_classes(listing: Listing, classes: tuple[str, ...]) -> None:
    """Raises DataError where there is nothing to tell apart; it says what else lies there."""
    if len(classes) > 1:
        return
    root = printable(str(listing.root))
    parts = [name for name in HELD_OUT_PARTS if (listing.root / name).is_dir()]
    if parts and not listing.is_split and (listing.root / "train").is_dir():
        raise DataError(
            t(
                "{folder} has a folder train, but none named test. Rename '{part}' to 'test'.",
                folder=root,
                part=parts[0],
            )
        )
    seen = " ".join(["", *listing.left_out.sentences()])
    if not classes:
        said = t("{folder} has no class folders with images in them.", folder=root)
    else:
        said = t(
            "{folder} has images of one class only ('{label}'); it takes two to tell apart.",
            folder=root,
            label=classes[0],
        )
    raise DataError(f"{said} {t(LAYOUT)}{seen}")


def some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(printable(name) for name in names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _with_counts(folders: dict[str, int]) -> str:
    return some([f"{name} ({plural(count, 'file')})" for name, count in folders.items()])


def _counted(names: list[str], noun: str) -> str:
    return plural(len(names), noun)

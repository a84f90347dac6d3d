"""The data sets that come with the project or are fetched by it: what is known of them before they are there.

No torch here: the page's first paint, the plan and the texts use it.
"""

from dataclasses import dataclass
from pathlib import Path

from resnet_demo.language import t
from resnet_demo.text import printable

FOLDER = "folder:"  # begins a source that is a person's own image folder


@dataclass(frozen=True)
class KnownData:
    """`archive` is what is downloaded, of `archive_bytes`, and `unpacked` the folder that it becomes; '' for none."""

    label: str  # for people
    classes: tuple[str, ...]
    train_images: int
    test_images: int
    archive: str = ""
    archive_bytes: int = 0
    unpacked: str = ""

    def download_bytes(self, data_dir: Path) -> int:
        """What there is still to fetch into `data_dir`."""
        there = (data_dir / self.unpacked).is_dir() or (data_dir / self.archive).is_file()
        return 0 if there else self.archive_bytes


CIFAR10 = KnownData(
    "CIFAR-10",
    ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    train_images=50_000,
    test_images=10_000,
    archive="cifar-10-python.tar.gz",
    archive_bytes=170_498_071,
    unpacked="cifar-10-batches-py",
)
DIGITS = KnownData("handwritten digits", tuple("0123456789"), train_images=1_500, test_images=297)
KNOWN = {"cifar10": CIFAR10, "digits": DIGITS}


# Image folders that shipped runs were trained on, by their name: a stranger cannot know what these hold.
FOLDER_LABELS = {"cifar10-jpeg": "CIFAR-10 (JPEG copies)"}


def data_label(source: str) -> str:
    """'folder:/a/b' -> 'b': a visitor is not shown where the server keeps its files."""
    if known := KNOWN.get(source):
        return t(known.label)
    name = printable(source.removeprefix(FOLDER).rstrip("/").rpartition("/")[2])
    return t(FOLDER_LABELS[name]) if name in FOLDER_LABELS else name

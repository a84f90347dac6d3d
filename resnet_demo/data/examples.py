"""Images that are here without anybody's data, for who has none at hand: drawn ones of CIFAR-10's classes, handwritten
digits, and photographs of what such a network never learned. Imports no torch until digits are asked for."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from resnet_demo.data.dataset import drain

DRAWN = Path(__file__).parents[1] / "examples"
DIGITS_SOURCE = "digits"
FOREIGN = {  # label -> the installed package that ships it, and where
    "flower": ("sklearn", "datasets/images/flower.jpg"),
    "palace": ("sklearn", "datasets/images/china.jpg"),
    "cheetah": ("gradio", "media_assets/images/cheetah.jpg"),
    "lion": ("gradio", "media_assets/images/lion.jpg"),
    "tower": ("gradio", "media_assets/images/tower.jpg"),
}


@dataclass(frozen=True, eq=False)
class Example:
    """`name` is unique, `label` says what the image shows, `image` is RGB of its own size."""

    name: str
    label: str
    image: Image.Image


def known_examples(data: str, classes: Sequence[str]) -> list[Example]:
    """One image for each class of a checkpoint: a test image for the digits, a drawing for a class of CIFAR-10, none
    for another. Raises DataError where scikit-learn is missing."""
    if data == DIGITS_SOURCE:
        return [Example(f"digit-{label}", label, image) for label, image in _digits().items() if label in classes]
    drawn = ((label, DRAWN / f"{label}.png") for label in classes if label in _drawn_labels())
    return [Example(f"drawn-{label}", label, _opened(path)) for label, path in drawn]


def drawn_example(label: str) -> Image.Image:
    """The drawing of one of CIFAR-10's classes, RGB and square."""
    return _opened(DRAWN / f"{label}.png")


def tour_digit() -> Image.Image:
    """A test digit to follow through the tour. Raises DataError where scikit-learn is missing."""
    return _digits()["3"]


def out_of_distribution_examples() -> list[Example]:
    """Photographs of what no class of these data is; as many as the installed packages ship."""
    found = ((label, _shipped(*where)) for label, where in FOREIGN.items())
    return [Example(f"foreign-{label}", label, _opened(path)) for label, path in found if path]


@functools.cache
def _drawn_labels() -> frozenset[str]:
    return frozenset(path.stem for path in DRAWN.glob("*.png"))


@functools.cache
def _digits() -> dict[str, Image.Image]:
    """The first test image of each class."""
    from resnet_demo.data.digits import load_digits

    dataset = drain(load_digits())
    first = {int(label): place for place, label in reversed(list(enumerate(dataset.test_labels)))}
    return {
        dataset.classes[label]: Image.fromarray(dataset.test_images[first[label]].permute(1, 2, 0).contiguous().numpy())
        for label in sorted(first)
    }


def _shipped(package: str, path: str) -> Path | None:
    """Where an installed package has the file; the package is not imported."""
    spec = find_spec(package)
    file = Path(spec.origin).parent / path if spec and spec.origin else None
    return file if file and file.is_file() else None


@functools.lru_cache(maxsize=64)
def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")

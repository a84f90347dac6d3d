"""The example images that come with the project: one for each class, small, and not CIFAR-10's."""

from pathlib import Path

from PIL import Image

from benchmarks.example_images import DRAWN, SIDE
from resnet_demo.data.known import CIFAR10

EXAMPLES = Path(__file__).parents[2] / "resnet_demo" / "examples"


def test_each_class_has_one():
    assert tuple(DRAWN) == CIFAR10.classes
    assert {path.stem for path in EXAMPLES.glob("*.png")} == set(CIFAR10.classes)


def test_they_are_small_and_larger_than_the_data_sets_images():
    for path in EXAMPLES.glob("*.png"):
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("RGB", (SIDE, SIDE))
        assert path.stat().st_size < 20_000

"""Folders of images to learn from: noise, each image different."""

from pathlib import Path

import numpy as np
from PIL import Image


def noise_image(seed: int, size: tuple[int, int] = (32, 32)) -> Image.Image:
    pixels = np.random.RandomState(seed).randint(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def fill(parent: Path, classes: dict[str, int], form: str = "png") -> Path:
    """Class folders with so many images each, all different."""
    for number, (name, count) in enumerate(classes.items()):
        (parent / name).mkdir(parents=True)
        for index in range(count):
            noise_image(1000 * number + index).save(parent / name / f"{index:03}.{form}")
    return parent

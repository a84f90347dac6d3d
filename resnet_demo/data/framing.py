"""Which part of an image a network sees, and how. Imports no torch."""

import numpy as np
from PIL import Image, ImageOps

SIZE = 32  # pixels a side, as every source gives them


def fit(image: Image.Image, size: int = SIZE) -> Image.Image:
    """The largest centred square, resized with antialiasing to (size, size); itself where it has that size."""
    if image.size == (size, size):
        return image
    # Crops before it resizes: the other order would turn a line of 1 x 1,000,000 pixels into a billion.
    return ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)


def prepare(image: Image.Image, light_on_dark: bool) -> tuple[Image.Image, bool]:
    """The RGB image as a network learned to see images, (SIZE, SIZE), and whether it was inverted for that.

    What was trained on light strokes on black, the digits, has three equal channels.
    """
    seen = fit(image)
    if not light_on_dark:
        return seen, False
    return invert_if_border_is_light(seen.convert("L").convert("RGB"))


def invert_if_border_is_light(image: Image.Image) -> tuple[Image.Image, bool]:
    """The image as light strokes on a dark ground, and whether it had to be inverted for that.

    The median decides, so a stroke that runs out of the image does not.
    """
    if np.median(_border(np.asarray(image.convert("L")))) <= 127.5:
        return image, False
    return ImageOps.invert(image), True


def _border(pixels: np.ndarray) -> np.ndarray:
    """The outermost pixels of (H, W, ...): (N, ...)."""
    return np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])

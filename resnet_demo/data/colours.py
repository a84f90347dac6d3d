"""Any decoded image -> RGB of 8 bits a channel in sRGB: deep grey, transparency, colour profiles.

Reduces large images before it makes copies of them. Imports no torch.
"""

import io
from functools import lru_cache
from typing import cast

import numpy as np
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import TiffImageFile

MIN_REDUCED = 512  # pixels of the shorter side that are left: far more than any network here sees
LIGHT = 192  # mean luma of what is visible from which it would be lost on white
SPANS_16 = (255, 1023, 4095, 16383, 65535)  # cameras and scanners keep 8, 10, 12, 14 or 16 bits in 16
SPANS_32 = (1.0, 255.0, 65535.0)
BITS_PER_SAMPLE, IMAGEMETRIC = 258, 262  # TIFF's tags
WHITE_IS_ZERO = 0


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB in sRGB, transparency laid on white or, where that would hide what is visible, on black.

    The result may be smaller by a whole factor where the image is transparent or has a colour profile.
    """
    profile = image.info.get("icc_profile")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _to_8_bits(image)
    elif isinstance(image, TiffImageFile) and image.mode == "RGB":
        image = _widen(image)
    if image.has_transparency_data:
        image = _lay_on_ground(_reduce(_to_rgba(image)))
    if profile:
        image = _to_srgb(image, profile)
    return image.convert("RGB")


def _reduce(image: Image.Image) -> Image.Image:
    factor = min(image.size) // MIN_REDUCED
    return image.reduce(factor) if factor > 1 else image


# --- deep pixels ----------------------------------------------------------------------------------------------


def _to_8_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits to 0..255 (L, or LA where one grey is transparent), where Pillow's own conversion would
    cut everything above 255 to white.

    A PNG's 16 bits span 0..65535. A TIFF's hold what a camera gave: the smallest usual span that holds all values.
    32 bits: likewise, else from the darkest to the lightest.
    """
    if image.mode in ("I", "F"):
        with np.errstate(invalid="ignore"):  # what is not a number becomes 0 here
            values = np.nan_to_num(np.asarray(image, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        grey = np.rint(_to_unit(values) * 255).astype(np.uint8)
    else:
        values = np.asarray(image)
        span = _smallest(SPANS_16, int(values.max())) if image.format == "TIFF" else 65535
        table = np.rint(np.arange(65536) * (255 / span)).clip(0, 255).astype(np.uint8)
        grey = table[values]
    if isinstance(image, TiffImageFile) and image.tag_v2.get(IMAGEMETRIC) == WHITE_IS_ZERO:
        grey = 255 - grey
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):
        alpha = np.where(values == transparent, 0, 255).astype(np.uint8)
        return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))
    return Image.fromarray(grey)


def _to_unit(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    if low >= 0:
        low, high = 0.0, _smallest(SPANS_32, high)
    return (values - low) / max(high - low, 1e-300)


def _smallest(spans: tuple[float, ...], highest: float) -> float:
    """The smallest of the spans that holds the highest value; the value itself where none does."""
    return next((span for span in spans if highest <= span), highest)


def _widen(image: TiffImageFile) -> Image.Image:
    """Colours of 10, 12 or 14 bits in a TIFF of 16, of which Pillow has kept the upper 8."""
    bits = image.tag_v2.get(BITS_PER_SAMPLE, (8,))
    highest = max(cast(tuple[int, int], band)[1] for band in image.getextrema())
    if min(bits) < 16 or not 0 < highest < 64:
        return image
    span = _smallest(tuple(span >> 8 for span in SPANS_16[1:]), highest)
    return image.point([min(255, round(value * 255 / span)) for value in range(256)] * 3)


# --- transparency ---------------------------------------------------------------------------------------------


def _to_rgba(image: Image.Image) -> Image.Image:
    colour = image.info.get("transparency")
    if isinstance(colour, tuple) and max(colour) > 255:  # a PNG of 16 bits, which Pillow reads as 8
        image.info["transparency"] = tuple(value >> 8 for value in colour)
    return image.convert("RGBA")


def _lay_on_ground(image: Image.Image) -> Image.Image:
    """RGBA -> RGB. Programs leave any colour under full transparency, so only what is visible counts."""
    weights = np.asarray(image.getchannel("A"), np.float32)
    luma = np.asarray(image.convert("L"), np.float32)
    is_light = (luma * weights).sum() > LIGHT * weights.sum()
    ground = Image.new("RGBA", image.size, "black" if is_light else "white")
    return Image.alpha_composite(ground, image).convert("RGB")


# --- colour profiles ------------------------------------------------------------------------------------------


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """By the image's own profile; as it is where the profile is sRGB, damaged or another mode's, as browsers do."""
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")
    transform = _transform(profile, image.mode)
    return image if transform is None else cast(Image.Image, ImageCms.applyTransform(_reduce(image), transform))


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(source):
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None

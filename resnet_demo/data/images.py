"""An untrusted upload -> a clean RGB picture, or a sentence.

No torch here: the page checks an upload, and processes decode a folder, before or without it.
"""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from resnet_demo.errors import UserError

MAX_FILE_BYTES = 25_000_000
MAX_PIXELS = 50_000_000  # of the header; what decoding takes at most follows from it, about 300 MB
MAX_DEEP_PIXELS = MAX_PIXELS // 4  # of 32 bits each, for which several copies of 64 bits are made
SIZE = 32  # pixels a side, as every source gives them
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")

# What Pillow raises on damaged or hostile bytes: its plugins parse by hand and let these through.
DECODING_ERRORS = (
    OSError,  # also Image.UnidentifiedImageError
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    EOFError,
    NotImplementedError,
    struct.error,
    zlib.error,
)
TOO_LARGE_ERRORS = (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError)

UPRIGHT = {  # the EXIF orientation a camera noted -> what turns the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PictureError(UserError):
    """Why a file is not taken as a picture: a sentence for people, without the file's path."""


def load_picture(path: Path) -> Image.Image:
    """The first frame as an upright RGB picture, transparency laid on white.

    Raises PictureError: not a file, empty, over MAX_FILE_BYTES, over MAX_PIXELS, none of FORMATS, damaged.
    """
    _check_file(path)
    try:
        with Image.open(path, formats=FORMATS) as picture:
            _check_pixels(picture)
            picture.load()
            turn = UPRIGHT.get(_orientation(picture))
            picture = _to_rgb(picture)
            return picture if turn is None else picture.transpose(turn)
    except Image.UnidentifiedImageError as error:
        raise PictureError(
            "This is not a picture in a known format. Use a PNG, JPEG, WebP, GIF, BMP or TIFF file."
        ) from error
    except TOO_LARGE_ERRORS as error:
        raise PictureError(_too_many_pixels()) from error
    except PermissionError as error:
        raise PictureError("The file may not be read. Mend its permissions, or choose another picture.") from error
    except DECODING_ERRORS as error:
        raise PictureError(
            "The picture is damaged or incomplete. Open it in a picture editor, save it again, and try that."
        ) from error


def fit(picture: Image.Image, size: int = SIZE) -> Image.Image:
    """The largest centred square, resized with antialiasing to (size, size); itself where it has that size."""
    if picture.size == (size, size):
        return picture
    # Crops before it resizes: the other order would turn a line of 1 x 1,000,000 pixels into a billion.
    return ImageOps.fit(picture, (size, size), Image.Resampling.BICUBIC)


def prepare(picture: Image.Image, light_on_dark: bool) -> tuple[Image.Image, bool]:
    """The RGB picture as a network learned to see pictures, (SIZE, SIZE), and whether it was inverted for that.

    What was trained on light strokes on black, the digits, has three equal channels.
    """
    seen = fit(picture)
    if not light_on_dark:
        return seen, False
    return invert_if_border_is_light(seen.convert("L").convert("RGB"))


def invert_if_border_is_light(picture: Image.Image) -> tuple[Image.Image, bool]:
    """The picture as light strokes on a dark ground, and whether it had to be inverted for that.

    The median decides, so a stroke that runs out of the picture does not.
    """
    grey = np.asarray(picture.convert("L"))
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    if np.median(border) <= 127.5:
        return picture, False
    return ImageOps.invert(picture), True


def _check_file(path: Path) -> None:
    try:
        is_file, size = path.is_file(), path.stat().st_size
    except OSError as error:
        raise PictureError("The file is not there or cannot be read. Choose it again.") from error
    if not is_file:
        raise PictureError("This is not a file. Choose a picture file.")
    if size == 0:
        raise PictureError("The file is empty. Choose another picture.")
    if size > MAX_FILE_BYTES:
        raise PictureError(
            f"The file has {size / 1e6:,.0f} MB; the most that is taken is {MAX_FILE_BYTES / 1e6:.0f} MB. "
            "Make the picture smaller and try again."
        )


def _check_pixels(picture: Image.Image) -> None:
    """From the header alone, before a byte is decoded."""
    most = MAX_DEEP_PIXELS if picture.mode in ("I", "F") else MAX_PIXELS
    if picture.width * picture.height > most:
        raise PictureError(_too_many_pixels(most))
    if min(picture.size) < 1:
        raise PictureError("The picture has no pixels. Choose another one.")


def _too_many_pixels(most: int = MAX_PIXELS) -> str:
    return (
        f"The picture has too many pixels; the most that is taken is {most / 1e6:.0f} million. "
        "Make it smaller and try again."
    )


def _orientation(picture: Image.Image) -> int | None:
    try:
        return picture.getexif().get(ExifTags.Base.Orientation)
    except DECODING_ERRORS:
        return None  # the notes beside a picture may be damaged where the picture is not


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        picture = _to_8_bits(picture)
    if picture.has_transparency_data:
        # Programs leave any colour under full transparency; on white it cannot show.
        colour = picture.info.get("transparency")
        if isinstance(colour, tuple) and max(colour) > 255:  # a PNG of 16 bits, which Pillow reads as 8
            picture.info["transparency"] = tuple(value >> 8 for value in colour)
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return picture.convert("RGB")


def _to_8_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits to 0..255, where Pillow's own conversion would cut everything above 255 to white.

    16 bits span 0..65535. 32 bits say nothing about their span: the smallest usual one that holds all values,
    else from the darkest to the lightest.
    """
    low, high = 0.0, 65535.0
    if picture.mode in ("I", "F"):
        with np.errstate(invalid="ignore"):  # what is not a number becomes 0 here
            values = np.nan_to_num(np.asarray(picture, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
        if low >= 0:
            low, high = 0.0, next((span for span in (1.0, 255.0, 65535.0) if high <= span), high)
    else:
        values = np.asarray(picture, np.float32)
    grey = np.rint((values - low) * (255 / max(high - low, 1e-300))).astype(np.uint8)
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):
        grey[values == transparent] = 255
    return Image.fromarray(grey)

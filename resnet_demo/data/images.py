"""An untrusted file's bytes -> an upright RGB image, or a sentence.

Call this where its cost is limited: `decoder` does, in a process of its own. Imports no torch.
"""

import io
import stat
import struct
import zlib
from pathlib import Path

from PIL import AvifImagePlugin, ExifTags, Image, features

from resnet_demo.data.colours import to_rgb
from resnet_demo.data.headers import (
    DAMAGED,
    MAX_FILE_BYTES,
    MAX_PIXELS,
    ImageError,
    check_header,
    is_heic,
    why_unidentified,
)  # fmt: skip
from resnet_demo.language import t

MAX_DEEP_PIXELS = MAX_PIXELS // 4  # of 32 bits each, for which several copies of 64 bits are made
MAX_JPEG_PIXELS = 200_000_000  # a JPEG is decoded at a half, a quarter or an eighth where it has more than MAX_PIXELS
MAX_PROGRESSIVE_PIXELS = 120_000_000  # of which all coefficients are kept, up to 6 bytes a pixel
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", *(("AVIF",) if features.check("avif") else ()))

Image.MAX_IMAGE_PIXELS = MAX_JPEG_PIXELS  # Pillow's own limit: it must not refuse what ours takes
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # each thread would reserve address space, and cores belong to the training

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
TOO_LARGE_ERRORS = (Image.DecompressionBombError, Image.DecompressionBombWarning)

UPRIGHT = {  # the EXIF orientation a camera noted -> what turns the image upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class OutOfMemory(ImageError):
    """Decoding met the limit of memory, and may have left little of it."""


def load_image(path: Path) -> Image.Image:
    """The first frame as an upright RGB image in sRGB, transparency laid on a ground that shows it.

    Smaller than in the file by a whole factor where it is large and transparent, has a colour profile, or is a JPEG
    over MAX_PIXELS. Raises ImageError: not a file, empty, over MAX_FILE_BYTES, too many pixels for its format, none
    of FORMATS, damaged.
    """
    try:
        data = _read(path)
        check_header(data)
        return _decode(data)
    except MemoryError as error:
        raise OutOfMemory(
            "The image takes more memory to decode than is given, because it has too many pixels or is damaged. "
            "Make it smaller, save it again, and try that."
        ) from error


def _read(path: Path) -> bytes:
    """Once, so that what was tested is what is decoded."""
    try:
        status = path.stat()
    except OSError as error:
        raise ImageError("The file is not there or cannot be read. Choose it again.") from error
    size = status.st_size
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("This is not a file. Choose an image file.")
    if size == 0:
        raise ImageError("The file is empty. Choose another image.")
    if size > MAX_FILE_BYTES:
        raise ImageError(
            t(
                "The file has {size} MB; the limit is {limit} MB. Make the image smaller and try again.",
                size=f"{size / 2**20:,.0f}",
                limit=f"{MAX_FILE_BYTES / 2**20:.0f}",
            )
        )
    try:
        with path.open("rb") as file:
            return file.read(size)
    except PermissionError as error:
        raise ImageError("The file may not be read. Fix its permissions, or choose another image.") from error
    except OSError as error:
        raise ImageError("The file is not there or cannot be read. Choose it again.") from error


def _decode(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=_formats(data)) as image:
            _check_pixels(image)
            if image.width * image.height > MAX_PIXELS:
                image.draft(None, _drafted(image.size))
            image.load()
            turn = UPRIGHT.get(_orientation(image))
            upright = to_rgb(image)
            return upright if turn is None else upright.transpose(turn)
    except Image.UnidentifiedImageError as error:
        raise ImageError(why_unidentified(data)) from error
    except TOO_LARGE_ERRORS as error:
        raise ImageError(_too_many_pixels(MAX_PIXELS)) from error
    except DECODING_ERRORS as error:
        raise ImageError(DAMAGED) from error


def _formats(data: bytes) -> tuple[str, ...]:
    if not is_heic(data):
        return FORMATS
    import pillow_heif  # an extra, whose absence check_header has told

    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.register_heif_opener(thumbnails=False)
    return ("HEIF",)


def _check_pixels(image: Image.Image) -> None:
    """From the header alone, before a byte is decoded."""
    most = MAX_PIXELS
    if image.mode in ("I", "F"):
        most = MAX_DEEP_PIXELS
    elif image.format in ("JPEG", "MPO"):
        most = MAX_PROGRESSIVE_PIXELS if image.info.get("progressive") else MAX_JPEG_PIXELS
    if image.width * image.height > most:
        raise ImageError(_too_many_pixels(most))
    if min(image.size) < 1:
        raise ImageError("The image has no pixels. Choose another one.")


def _drafted(size: tuple[int, int]) -> tuple[int, int]:
    """The size at the first of a half, a quarter and an eighth that has at most MAX_PIXELS."""
    scale = next(scale for scale in (2, 4, 8) if size[0] * size[1] <= MAX_PIXELS * scale**2)
    return size[0] // scale, size[1] // scale


def _too_many_pixels(most: int) -> str:
    return f"The image has too many pixels; the limit is {most / 1e6:.0f} million. Make it smaller and try again."


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(ExifTags.Base.Orientation, 1)
    except DECODING_ERRORS:
        return 1  # the notes beside an image may be damaged where the image is not

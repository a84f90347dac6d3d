"""Cheap tests of an untrusted image file's first bytes and structure, before any decoder sees them.

They name what is not read here, and refuse what would cost a decoder far more than its pixels: each loop below ends
at its limit. What they miss ends at the limits of the decoding process. Imports no Pillow and no torch.
"""

import re
import struct
from importlib.util import find_spec

from resnet_demo.errors import UserError
from resnet_demo.language import t

MAX_FILE_BYTES = 25 * 2**20  # what Gradio's own sentence, too, calls 25 MB
MAX_PIXELS = 50_000_000
MAX_RUN_LENGTH_PIXELS = 8_000_000  # of a BMP, whose runs Pillow decodes in Python: at worst 2 s
MAX_JPEG_SCANS = 100  # a progressive JPEG has about ten; each goes over all pixels
MAX_JPEG_SEGMENTS = 5_000
MAX_GIF_BLOCKS = 2_000  # before the first frame: comments, which Pillow joins one by one
MAX_PNG_CHUNKS = 50_000
MAX_TIFF_STRIPS = 100_000

KNOWN = "Use a PNG, JPEG, WebP, AVIF, GIF, BMP or TIFF file."
DAMAGED = "The image is damaged or incomplete. Open it in an image editor, save it again, and try that."
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")

# The first bytes of what Pillow reads for us, and of what people try.
READ_HERE = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
NOT_READ_HERE = (
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\1\0", "an ICO file"),
    (b"<svg", "an SVG drawing"),
)


class ImageError(UserError):
    """Why a file is not taken as an image: a sentence for people, without the file's path."""


def check_header(data: bytes) -> None:
    """Raises ImageError where decoding the file's bytes would cost far more than its pixels, or where it is of a
    format that is known and not read."""
    if data.startswith(b"\xff\xd8"):
        _check_jpeg(data)
    elif data.startswith(b"\x89PNG"):
        _check_png(data)
    elif data.startswith(b"GIF8"):
        _check_gif(data)
    elif data.startswith(b"BM"):
        _check_bmp(data)
    elif data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        _check_tiff(data)
    elif is_heic(data) and find_spec("pillow_heif") is None:
        raise ImageError(
            "This is a HEIC image. To read it, pillow-heif must be installed where the app runs: pip install "
            "pillow-heif. Or save the image as a JPEG and try that."
        )


def is_heic(data: bytes) -> bool:
    """By its brand; two of them say no more than that it is of this family, of which AVIF is, too."""
    return data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS and b"avif" not in data[12:64]


def why_unidentified(data: bytes) -> str:
    """The sentence for bytes that Pillow took for no image."""
    webp = data.startswith(b"RIFF") and data[8:12] == b"WEBP"
    if webp or data.startswith(READ_HERE) or data[8:12] in (*HEIC_BRANDS, b"avif", b"avis"):
        return DAMAGED
    if data[4:8] == b"ftyp":
        return "This is a video, not an image in a known format. Save one of its frames as a PNG or JPEG and try that."
    for start, name in NOT_READ_HERE:
        if data.lstrip().startswith(start) if start == b"<svg" else data.startswith(start):
            return f"This is {name}, not an image in a known format. Save it as a PNG or JPEG and try that."
    return f"This is not an image in a known format. {KNOWN}"


# --- what each format can be made to cost ---------------------------------------------------------------------

# But for the restarts and stuffed bytes inside a scan. Of a row of 0xFF the last alone: `\xff+` would try each of them
# to the row's end, in quadratic time.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_START_OF_SCAN, _END_OF_IMAGE, _WITHOUT_LENGTH = 0xDA, 0xD9, (0x01, 0xD8, 0xD9)


def _too_costly(problem: str) -> ImageError:
    return ImageError(t("{problem} Open it in an image editor, save it again, and try that.", problem=problem))


def _check_jpeg(data: bytes) -> None:
    position = segments = scans = 0
    while found := _MARKER.search(data, position):
        position, marker = found.end(), data[found.end() - 1]
        if marker == _END_OF_IMAGE and scans:  # what follows is another image, or a phone's film of the moment
            return
        segments += 1
        scans += marker == _START_OF_SCAN
        if scans > MAX_JPEG_SCANS:
            raise _too_costly(t("The JPEG has more than {number} scans.", number=MAX_JPEG_SCANS))
        if segments > MAX_JPEG_SEGMENTS:
            raise _too_costly(t("The JPEG has more than {number} segments.", number=f"{MAX_JPEG_SEGMENTS:,}"))
        if marker not in _WITHOUT_LENGTH:
            position += max(2, int.from_bytes(data[position : position + 2], "big"))


def _check_png(data: bytes) -> None:
    position, chunks = 8, 0
    while position < len(data):
        position += 12 + int.from_bytes(data[position : position + 4], "big")
        chunks += 1
        if chunks > MAX_PNG_CHUNKS:
            raise _too_costly(t("The PNG has more than {number} chunks.", number=f"{MAX_PNG_CHUNKS:,}"))


def _check_gif(data: bytes) -> None:
    flags = data[10] if len(data) > 10 else 0
    position, in_extension = 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0), False
    for _ in range(MAX_GIF_BLOCKS):
        first = data[position : position + 1]
        if in_extension:  # blocks of up to 255 bytes, the last one empty
            length = first[0] if first else 0
            position, in_extension = position + 1 + length, length > 0
        elif first in (b"", b",", b";"):  # a frame, or the end
            return
        else:
            in_extension = first == b"!"
            position += 2 if in_extension else 1
    raise _too_costly(t("The GIF has more than {number} blocks before its first frame.", number=f"{MAX_GIF_BLOCKS:,}"))


def _check_bmp(data: bytes) -> None:
    """One 'delta' of a run-length BMP jumps up to 255 rows at once, past the height that the header states."""
    if len(data) < 34 or struct.unpack_from("<I", data, 14)[0] < 40:
        return
    width, height = struct.unpack_from("<ii", data, 18)
    compression = struct.unpack_from("<I", data, 30)[0]
    if compression in (1, 2) and abs(width) * (abs(height) + 256) > MAX_RUN_LENGTH_PIXELS:
        raise ImageError(
            t(
                "The BMP is compressed by run lengths and has too many pixels; of such the limit is {number} million. "
                "Save it as a PNG and try that.",
                number=MAX_RUN_LENGTH_PIXELS // 1_000_000,
            )
        )


def _check_tiff(data: bytes) -> None:
    """Pillow makes an object for each strip or tile while it opens the file, and a tile has a size of its own."""
    values = {}
    for tag, count, value in _tiff_tags(data):
        if tag in (273, 279, 324, 325) and count > MAX_TIFF_STRIPS:
            raise _too_costly(t("The TIFF has more than {number} strips or tiles.", number=f"{MAX_TIFF_STRIPS:,}"))
        values[tag] = value
    if values.get(322, 0) * values.get(323, 0) > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise _too_costly(t("The TIFF has tiles of too many pixels; the limit is {number} million.", number=limit))


def _tiff_tags(data: bytes) -> list[tuple[int, int, int]]:
    """(tag, count, the number in its place) of the first directory, as far as it is there."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = struct.unpack_from(order + "H", data, 2)[0] == 43
    at, counted, entry = ("Q", "Q", "HHQQ") if is_big else ("I", "H", "HHII")
    try:
        first = struct.unpack_from(order + at, data, 8 if is_big else 4)[0]
        entries = struct.unpack_from(order + counted, data, first)[0]
    except (struct.error, OverflowError):
        return []
    start, size = first + struct.calcsize(counted), struct.calcsize("<" + entry)
    body = data[start : start + min(entries, 65_535) * size]
    tags = []
    for tag, kind, count, value in struct.iter_unpack(order + entry, body[: len(body) // size * size]):
        if bits := {3: 16, 4: 32}.get(kind):  # the number stands at the front of its place
            value = value >> (64 if is_big else 32) - bits if order == ">" else value & (1 << bits) - 1
        tags.append((tag, count, value))
    return tags

"""What is refused, or named, by a file's first bytes and structure: before any decoder sees it."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from resnet_demo.data import headers
from resnet_demo.data.headers import ImageError, check_header, why_unidentified
from resnet_demo.data.images import load_image


def encoded(form: str, **options) -> bytes:
    file = io.BytesIO()
    pixels = np.random.RandomState(0).randint(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        check_header(data)
    return str(caught.value)


def read(tmp_path, data: bytes) -> Image.Image:
    (tmp_path / "image").write_bytes(data)
    return load_image(tmp_path / "image")


def said_of(tmp_path, data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        read(tmp_path, data)
    return str(caught.value)


# --- what would cost far more than its pixels -----------------------------------------------------------------


def run_length_bmp(width: int, height: int, codes: bytes) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(codes), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 1078 + len(codes), 0, 0, 1078) + head + bytes(1024) + codes


def test_a_run_length_bmp_counts_the_rows_that_it_may_jump(tmp_path):
    """A jump of 255 rows: at a width of 50,000,000 Pillow took 25 GB for these 1,084 bytes."""
    jump = b"\0\2\0\xff\0\1"
    assert "run lengths" in refusal(run_length_bmp(50_000_000, 1, jump))
    assert "run lengths" in refusal(run_length_bmp(50_000, -1, jump))
    good = run_length_bmp(300, 2, (b"\xff\7\x2d\7\0\0") * 2 + b"\0\1")
    assert read(tmp_path, good).size == (300, 2)


@pytest.mark.parametrize("junk", [b"", b"\0"])
def test_a_gif_with_thousands_of_comments_is_refused(tmp_path, junk):
    """Pillow joins them one by one, in quadratic time."""
    whole = encoded("GIF", comment=b"by me" * 200)
    at = whole.index(b"!\xfe")
    comment = junk + b"!\xfe\1x\0"
    assert "blocks before its first frame" in refusal(whole[:at] + comment * headers.MAX_GIF_BLOCKS + whole[at:])
    assert "blocks" in refusal(
        whole[:at] + b"!\xfe" + (b"\xff" + b"x" * 255) * headers.MAX_GIF_BLOCKS + b"\0" + whole[at:]
    )
    assert read(tmp_path, whole[:at] + comment * 9 + whole[at:]).size == (50, 40)


def with_scans(scans: int) -> bytes:
    """A progressive JPEG whose last scan is repeated."""
    whole = encoded("JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    return whole[:last] + whole[last:-2] * scans + b"\xff\xd9"


def test_a_jpeg_of_many_scans_is_refused(tmp_path):
    assert "scans" in refusal(with_scans(headers.MAX_JPEG_SCANS))
    assert read(tmp_path, encoded("JPEG", progressive=True)).size == (50, 40)


def test_what_follows_a_jpegs_end_is_not_counted():
    """A phone keeps a film behind its image, in which any bytes may stand."""
    check_header(encoded("JPEG") + b"\xff\xda\0\2" * 1000)


@pytest.mark.parametrize("first", [b"", b"\xff\xd9", b"\0junk"])
def test_a_jpeg_of_many_segments_is_refused(first):
    """Also where an end stands before them: Pillow reads on."""
    whole = encoded("JPEG")
    assert "segments" in refusal(whole[:2] + first + b"\xff\xe5\0\2" * headers.MAX_JPEG_SEGMENTS + whole[2:])


def test_a_jpeg_of_nothing_but_fill_bytes_is_gone_over_once():
    """In quadratic time 25 MB would take days."""
    check_header(b"\xff\xd8" + b"\xff" * (headers.MAX_FILE_BYTES - 2))
    fill = b"\xff" * 9  # as the standard allows before a marker
    assert "segments" in refusal(b"\xff\xd8" + (fill + b"\xff\xe5\0\2") * (headers.MAX_JPEG_SEGMENTS + 1))


def test_a_png_of_many_chunks_is_refused():
    whole, empty = encoded("PNG"), struct.pack(">I", 0) + b"abCd" + struct.pack(">I", zlib.crc32(b"abCd"))
    assert "chunks" in refusal(whole[:33] + empty * headers.MAX_PNG_CHUNKS + whole[33:])
    check_header(whole[:33] + empty * 100 + whole[33:])


def tiff(order: str, tags: dict[int, tuple[int, int, int]], big: bool = False) -> bytes:
    """The first directory alone: tag -> (kind, count, value)."""
    mark = b"II" if order == "<" else b"MM"
    head = mark + (struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8))
    body = struct.pack(order + ("Q" if big else "H"), len(tags))
    for tag, (kind, count, value) in sorted(tags.items()):
        number = struct.pack(order + "H", value) if kind == 3 else struct.pack(order + "I", value)
        body += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, count) + number.ljust(8 if big else 4, b"\0")
    return head + body


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", [3, 4])
def test_a_tiff_of_large_tiles_or_many_strips_is_refused(order, big, kind):
    """16 x 16 pixels in one tile of 32,768 x 32,768: a limit on the image's size alone never sees it."""
    assert "tiles of too many pixels" in refusal(tiff(order, {322: (kind, 1, 32768), 323: (kind, 1, 32768)}, big))
    assert "strips" in refusal(tiff(order, {273: (4, headers.MAX_TIFF_STRIPS + 1, 8)}, big))
    check_header(tiff(order, {273: (4, 1000, 8), 322: (kind, 1, 512), 323: (kind, 1, 512)}, big))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"])
def test_a_header_cut_anywhere_raises_nothing(form):
    whole = encoded(form)
    for length in range(300):
        check_header(whole[:length])


# --- what is named, with what to do ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(50), "JPEG 2000"),
        (b"\xff\x4f\xff\x51" + bytes(50), "JPEG 2000"),
        (b"%PDF-1.7\n" + bytes(50), "PDF"),
        (b"\0\0\1\0\1\0" + bytes(50), "ICO"),
        (b"8BPS\0\1" + bytes(50), "a Photoshop document"),
        (b"\n <svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\0\0\0\x20ftypisom" + bytes(50), "video"),
    ],
)
def test_other_formats_are_named_with_what_to_do(tmp_path, data, name):
    said = said_of(tmp_path, data)
    assert name in said and "PNG or JPEG" in said


def test_heic_names_the_pip_command_where_its_reader_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(headers, "find_spec", lambda name: None)
    said = said_of(tmp_path, b"\0\0\0\x18ftypheic" + bytes(50))
    assert "HEIC" in said and "pip install pillow-heif" in said


@pytest.mark.parametrize("form", ["TIFF", "PNG", "JPEG", "GIF", "WEBP", "AVIF"])
def test_a_known_format_that_is_cut_is_damaged_and_not_unknown(tmp_path, form):
    for length in (12, 30):
        assert "damaged" in said_of(tmp_path, encoded(form)[:length])


def test_what_is_nothing_known_is_told_the_formats():
    for data in (b"", b"hello", bytes(20)):
        assert "known format" in why_unidentified(data) and "AVIF" in why_unidentified(data)

"""Uploads: whatever a visitor sends becomes an RGB image that looks as it should, or one sentence."""

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_demo.data import images
from resnet_demo.data.framing import fit, invert_if_border_is_light, prepare
from resnet_demo.data.images import ImageError, load_image

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
ORIENTATION = 0x0112


@pytest.fixture
def save(tmp_path):
    """Writes a Pillow image to a file of the format, and gives its path."""

    def write(image: Image.Image, form: str = "PNG", **options) -> Path:
        path = tmp_path / f"image.{form.lower()}"
        image.save(path, form, **options)
        return path

    return write


def noise(height: int = 40, width: int = 50) -> Image.Image:
    return Image.fromarray(np.random.RandomState(0).randint(0, 256, (height, width, 3), dtype=np.uint8))


def ramp(dtype, top: float) -> Image.Image:
    """Left 0, right `top`: (4, 256)."""
    return Image.fromarray(np.tile(np.linspace(0, top, 256), (4, 1)).astype(dtype))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG that Pillow itself would not write."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def sentence(path: Path) -> str:
    """What is said about a file that is refused; checked for what must never be in it."""
    with pytest.raises(ImageError) as caught:
        load_image(path)
    said = str(caught.value)
    assert str(path.parent) not in said and path.name not in said, "a path of the server"
    assert said.endswith(".") and "\n" not in said and "Error" not in said and "0x" not in said
    return said


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "JPEG", "MPO"])
def test_every_allowed_format_is_read(save, form):
    image = Image.new("RGB", (40, 30), (200, 40, 90))
    options = {"MPO": {"save_all": True}, "WEBP": {"lossless": True}}.get(form, {})
    read = load_image(save(image, form, **options))
    assert (read.mode, read.size) == ("RGB", (40, 30))
    assert np.abs(np.asarray(read).astype(int) - (200, 40, 90)).max() <= 4


def test_a_jpeg_of_32_pixels_is_decoded_as_pillow_decodes_it(save):
    path = save(noise(32, 32), "JPEG", quality=75)
    assert np.array_equal(np.asarray(fit(load_image(path))), np.asarray(Image.open(path)))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "corners"),  # of the upright image, clockwise from the top left
    [(1, "abcd"), (2, "badc"), (3, "cdab"), (4, "dcba"), (5, "adcb"), (6, "dabc"), (7, "cbad"), (8, "bcda")],
)
def test_exif_orientation_turns_the_image_upright(save, form, orientation, corners):
    colours = {"a": RED, "b": BLUE, "c": (0, 255, 0), "d": WHITE}
    image = Image.new("RGB", (96, 64))
    for name, corner in zip("abcd", [(0, 0), (48, 0), (48, 32), (0, 32)], strict=True):
        image.paste(colours[name], (*corner, corner[0] + 48, corner[1] + 32))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    read = load_image(save(image, form, exif=exif))
    right, bottom = read.width - 9, read.height - 9
    found = [read.getpixel(place) for place in [(8, 8), (right, 8), (right, bottom), (8, bottom)]]
    expected = np.array([colours[name] for name in corners])
    assert np.abs(np.array(found) - expected).max() < 40
    assert read.size == ((96, 64) if orientation < 5 else (64, 96))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_exif_does_not_cost_the_image(save):
    path = save(noise(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff broken")
    assert load_image(path).size == (50, 40)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_become_white_whatever_colour_hides_there(save, mode):
    image = Image.new("RGBA", (10, 10), (255, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 5, 10))
    read = load_image(save(image.convert(mode)))
    assert read.getpixel((9, 0)) == WHITE and read.getpixel((0, 0)) == (0, 0, 0)


def test_half_transparency_mixes_with_white(save):
    read = load_image(save(Image.new("RGBA", (4, 4), (0, 0, 0, 128))))
    assert read.getpixel((0, 0)) == (127, 127, 127)


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_a_transparent_palette_entry_becomes_white(save, form):
    image = Image.new("RGB", (10, 10), RED)
    image.paste(BLUE, (0, 0, 5, 10))
    palette = image.quantize(4)
    read = load_image(save(palette, form, transparency=palette.getpixel((9, 0))))
    assert read.getpixel((9, 0)) == WHITE and read.getpixel((0, 0)) == BLUE


def test_a_transparent_colour_of_a_16_bit_png_becomes_white(tmp_path):
    hidden, seen = struct.pack(">HHH", 0x1234, 0x5678, 0x9ABC), struct.pack(">HHH", 0xFFFF, 0, 0)
    path = tmp_path / "16.png"
    path.write_bytes(png(2, 1, 16, 2, b"\0" + hidden + seen, chunk(b"tRNS", hidden)))
    read = load_image(path)
    assert read.getpixel((0, 0)) == WHITE and read.getpixel((1, 0)) == RED


def test_a_transparent_colour_of_an_8_bit_png_becomes_white(save):
    image = Image.new("RGB", (10, 10), (200, 100, 50))
    image.putpixel((0, 0), RED)
    read = load_image(save(image, transparency=(200, 100, 50)))
    assert read.getpixel((9, 0)) == WHITE and read.getpixel((0, 0)) == RED


def test_a_transparent_grey_of_a_16_bit_png_becomes_white(save):
    read = load_image(save(ramp(np.uint16, 65535), transparency=0))
    assert read.getpixel((0, 0)) == WHITE and read.getpixel((1, 0)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("dtype", "top", "form"),
    [
        (np.uint16, 65535, "PNG"),
        (np.uint16, 65535, "TIFF"),
        (np.int32, 255, "TIFF"),
        (np.int32, 65535, "TIFF"),
        (np.int32, 2**31 - 1, "TIFF"),
        (np.float32, 1, "TIFF"),
        (np.float32, 255, "TIFF"),
        (np.float32, 1e30, "TIFF"),
    ],
)
def test_deep_grey_keeps_its_shades(save, dtype, top, form):
    read = np.asarray(load_image(save(ramp(dtype, top), form)))
    assert np.abs(read[0, :, 0].astype(int) - np.arange(256)).max() <= 1
    assert np.array_equal(read[..., 0], read[..., 1]) and np.array_equal(read[..., 0], read[..., 2])


def test_a_dark_16_bit_image_stays_dark(save):
    read = np.asarray(load_image(save(ramp(np.uint16, 2570))))
    assert read.max() == 10


def test_negative_and_non_finite_values_are_drawn(save):
    values = np.full((4, 4), -1e38, dtype=np.float32)
    values[0] = [np.nan, np.inf, -np.inf, 3e38]
    read = np.asarray(load_image(save(Image.fromarray(values), "TIFF")))[..., 0]
    assert read[1, 0] == 0 and read[0, 3] == 255
    assert (read[0, :3] == round(255 / 4)).all(), "not a number counts as 0, a quarter of the way up"


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(save, form):
    read = load_image(save(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), form))
    assert np.abs(np.array(read.getpixel((8, 8))) - RED).max() <= 2


def test_one_bit_becomes_black_and_white(save):
    read = load_image(save(Image.new("1", (4, 4), 1)))
    assert read.mode == "RGB" and read.getpixel((0, 0)) == WHITE


@pytest.mark.parametrize("form", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_many_frames_the_first_is_taken(save, form):
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE, BLUE)]
    read = load_image(save(frames[0], form, save_all=True, append_images=frames[1:]))
    assert np.abs(np.array(read.getpixel((4, 4))) - RED).max() <= 4


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "zero.png"
    path.touch()
    assert "empty" in sentence(path)


@pytest.mark.parametrize("content", [b"hello, I am a text\n" * 9, b"\0" * 500, b"PK\x03\x04" + b"z" * 99])
def test_what_is_no_image_is_refused_with_the_formats_that_are(tmp_path, content):
    path = tmp_path / "cat.jpg"
    path.write_bytes(content)
    assert "JPEG" in sentence(path)


@pytest.mark.parametrize("form", ["ICO", "PPM", "PDF", "TGA", "EPS", "PCX"])
def test_formats_outside_the_list_are_refused(save, form):
    assert "known format" in sentence(save(noise(), form))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_truncated_file_is_refused(save, form):
    path = save(noise(200, 200), form)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    sentence(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    assert "not there" in sentence(tmp_path / "missing" / "cat.png")
    (tmp_path / "folder.png").mkdir()
    assert "not a file" in sentence(tmp_path / "folder.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert "not a file" in sentence(tmp_path / "pipe.png")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path):
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(images.MAX_FILE_BYTES + 1)
    assert "25 MB" in sentence(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [7072, 12_000, 60_000])  # just over our limit, over Pillow's two
def test_a_bomb_is_refused_by_its_header_alone(tmp_path, side, monkeypatch):
    def decoded(*_):
        raise AssertionError("a byte was decoded")

    monkeypatch.setattr(Image.Image, "load", decoded)
    path = tmp_path / "bomb.png"
    path.write_bytes(png(side, side, 8, 2, b"\0" * 1000))
    assert "50 million" in sentence(path)


@pytest.mark.parametrize(("most", "size"), [(2000, (50, 40)), (1999, (25, 20)), (499, (13, 10)), (124, (7, 5))])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_large_jpeg_is_decoded_at_a_half_a_quarter_or_an_eighth(save, monkeypatch, most, size, progressive):
    """So that a phone's 8160 x 6144 is taken, though MAX_PIXELS is less."""
    path = save(Image.radial_gradient("L").resize((50, 40)), "JPEG", progressive=progressive)
    whole = load_image(path).resize(size, Image.Resampling.BOX)
    monkeypatch.setattr(images, "MAX_PIXELS", most)
    read = load_image(path)
    assert read.size == size and np.abs(np.asarray(read).astype(int) - np.asarray(whole)).mean() < 12
    assert images.MAX_JPEG_PIXELS > 8160 * 6144


@pytest.mark.parametrize(("limit", "progressive"), [("MAX_JPEG_PIXELS", False), ("MAX_PROGRESSIVE_PIXELS", True)])
def test_a_jpeg_has_a_limit_of_its_own(save, monkeypatch, limit, progressive):
    path = save(noise(), "JPEG", progressive=progressive)
    monkeypatch.setattr(images, limit, 1999)
    assert "too many pixels" in sentence(path)


def test_a_compressed_text_bomb_in_a_png_is_refused(tmp_path):
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 200_000_000, 9))
    path = tmp_path / "text.png"
    path.write_bytes(png(1, 1, 8, 2, b"\0\0\0\0", text))
    assert path.stat().st_size < 300_000
    sentence(path)


def test_of_deep_pixels_fewer_are_taken(save, monkeypatch):
    monkeypatch.setattr(images, "MAX_DEEP_PIXELS", 1024)
    assert load_image(save(Image.new("F", (32, 32)), "TIFF")).size == (32, 32)
    assert load_image(save(Image.new("L", (33, 32)), "TIFF")).size == (33, 32)
    for mode in ("F", "I"):
        assert "too many pixels" in sentence(save(Image.new(mode, (33, 32)), "TIFF"))


def test_an_image_that_may_not_be_read_is_not_called_damaged(save, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    path = save(noise())
    monkeypatch.setattr(Path, "open", refused)
    assert "may not be read" in sentence(path)


def test_an_image_that_needs_more_memory_than_there_is_is_called_too_large(save, monkeypatch):
    def no_memory(_):
        raise MemoryError

    path = save(noise())
    monkeypatch.setattr(images, "to_rgb", no_memory)
    assert "too many pixels" in sentence(path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_random_damage_gives_an_image_or_a_sentence_and_nothing_else(tmp_path):
    random = np.random.RandomState(0)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    originals = []
    for form, options in [
        ("JPEG", {"exif": exif}), ("PNG", {"exif": exif}), ("WEBP", {"exif": exif}), ("GIF", {}), ("BMP", {}),
        ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {"compression": "jpeg"}),
    ]:  # fmt: skip
        buffer = io.BytesIO()
        noise().save(buffer, form, **options)
        originals.append(buffer.getvalue())
    path, outcomes = tmp_path / "damaged", []
    for round_ in range(1600):
        damaged = bytearray(originals[round_ % len(originals)])
        for place in random.randint(0, min(len(damaged), 400), size=random.randint(1, 6)):
            damaged[place] = random.choice([0, 1, 127, 128, 255, random.randint(256)])
        path.write_bytes(damaged)
        try:
            outcomes.append(load_image(path).mode)
        except ImageError as error:
            outcomes.append(str(error)[:20])
    assert outcomes.count("RGB") > 100 and len(set(outcomes)) >= 3


def test_fit_gives_the_centred_square():
    image = Image.new("RGB", (300, 100), RED)
    image.paste(BLUE, (100, 0, 200, 100))
    fitted = np.asarray(fit(image, 32))
    assert fitted.shape == (32, 32, 3) and (fitted[:, 2:-2] == BLUE).all()


def test_fit_leaves_an_image_of_that_size_alone():
    image = noise(32, 32)
    assert fit(image) is image


def test_fit_smooths_what_is_finer_than_its_pixels():
    checks = Image.fromarray(np.indices((320, 320)).sum(0).astype(np.uint8) % 2 * 255).convert("RGB")
    assert np.abs(np.asarray(fit(checks)).astype(int) - 127).max() <= 3


@pytest.mark.parametrize("size", [(1, 1), (1, 3_000_000), (3_000_000, 1), (5, 7), (33, 32)])
def test_fit_takes_any_shape(size):
    assert fit(Image.new("RGB", size, RED)).size == (32, 32)


def test_a_dark_stroke_on_light_paper_is_inverted():
    paper = Image.new("RGB", (32, 32), (250, 245, 240))
    paper.paste((20, 20, 20), (14, 0, 18, 32))  # the stroke runs out of the image
    inverted, done = invert_if_border_is_light(paper)
    assert done and inverted.getpixel((0, 0)) == (5, 10, 15) and inverted.getpixel((16, 16)) == (235, 235, 235)


def test_a_light_stroke_on_black_is_left_alone():
    slate = Image.new("RGB", (32, 32))
    slate.paste(WHITE, (14, 0, 18, 32))
    kept, done = invert_if_border_is_light(slate)
    assert not done and kept is slate


def test_loading_images_imports_no_torch():
    code = "import sys, resnet_demo.data.decoding, resnet_demo.data.decoder_process; sys.exit('torch' in sys.modules)"
    root = Path(images.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=root).returncode == 0


def test_an_image_is_prepared_as_the_network_learned_to_see_images():
    red_on_white = Image.new("RGB", (64, 40), "white")
    red_on_white.paste((200, 0, 0), (24, 12, 40, 28))
    image, inverted = prepare(red_on_white, light_on_dark=False)
    assert image.size == (32, 32) and image.getpixel((16, 16)) == (200, 0, 0) and not inverted
    digit, inverted = prepare(red_on_white, light_on_dark=True)
    assert inverted and digit.getpixel((0, 0)) == (0, 0, 0)
    red, green, blue = digit.getpixel((16, 16))
    assert red == green == blue > 150

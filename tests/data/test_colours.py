"""Deep grey, transparency and colour profiles become the RGB that a viewer would show."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from resnet_demo.data.images import load_image

IMAGEMETRIC, BITS, WHITE_IS_ZERO = 262, 258, 0


@pytest.fixture
def loaded(tmp_path):
    """Saves an image as the format and loads it: uint8 (H, W, 3)."""

    def load(image: Image.Image, form: str = "TIFF", **options) -> np.ndarray:
        image.save(tmp_path / "image", form, **options)
        return np.asarray(load_image(tmp_path / "image"))

    return load


# --- deep pixels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_a_16_bit_tiff_spans_what_its_values_take(loaded, bits, compression):
    ramp = np.tile(np.linspace(0, 2**bits - 1, 256), (4, 1)).astype(np.uint16)
    read = loaded(Image.fromarray(ramp), compression=compression)
    assert np.abs(read[0, :, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_white_is_zero_is_honoured(loaded, compression):
    paper = np.zeros((8, 8), dtype=np.uint16)
    paper[0] = 65535
    tags = {"tiffinfo": {IMAGEMETRIC: WHITE_IS_ZERO}, "compression": compression}
    read = loaded(Image.fromarray(paper), **tags)
    assert read[4, 4].tolist() == [255, 255, 255] and read[0, 0].tolist() == [0, 0, 0]
    eight = Image.new("L", (8, 8), 200)  # which Pillow inverts as it writes, and as it reads
    assert loaded(eight, **tags)[4, 4].tolist() == [200, 200, 200]


def colours_of_16_bits(top: int) -> bytes:
    """A TIFF of 256 x 1 pixels, red a ramp up to `top`, green half of it, blue 0; Pillow would not write it."""
    red = np.linspace(0, top, 256).astype("<u2")
    data = np.stack([red, red // 2, red * 0], axis=1).tobytes()
    bits = struct.pack("<HHH", 16, 16, 16)
    tags = [(256, 4, 1, 256), (257, 4, 1, 1), (BITS, 3, 3, 134), (259, 3, 1, 1), (IMAGEMETRIC, 3, 1, 2),
            (273, 4, 1, 140), (277, 3, 1, 3), (278, 4, 1, 1), (279, 4, 1, len(data)), (284, 3, 1, 1)]  # fmt: skip
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return (head + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)).ljust(134, b"\0") + bits + data


@pytest.mark.parametrize("bits", [12, 14, 16])
def test_colours_of_12_or_14_bits_in_16_are_not_dark(tmp_path, bits):
    path = tmp_path / "colours.tif"
    path.write_bytes(colours_of_16_bits(2**bits - 1))
    read = np.asarray(load_image(path))[0].astype(int)
    step = 255 / (2 ** (bits - 8) - 1)  # Pillow keeps the upper 8 of the 16 bits
    assert np.abs(read[:, 0] - np.arange(256)).max() <= step + 1 and read[255].tolist() == [255, *read[255, 1:]]
    assert np.abs(read[:, 1] - np.arange(256) / 2).max() <= step + 1 and (read[:, 2] == 0).all()


# --- transparency ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["PNG", "WEBP", "AVIF"])
def test_a_white_logo_on_transparency_is_seen(loaded, form):
    logo = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    logo.paste((250, 250, 250, 255), (16, 16, 48, 48))
    read = loaded(logo, form)
    assert read[32, 32].min() > 230 and read[0, 0].max() < 20


def test_what_is_hidden_does_not_choose_the_ground(loaded):
    dark = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
    dark.paste((20, 20, 20, 255), (28, 28, 36, 36))
    read = loaded(dark, "PNG")
    assert read[0, 0].tolist() == [255, 255, 255] and read[32, 32].tolist() == [20, 20, 20]
    assert loaded(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG").min() == 255


def test_a_large_transparent_image_is_made_smaller_before_it_is_copied(loaded):
    image = Image.new("RGBA", (4096, 2048), (200, 0, 0, 0))
    image.paste((0, 0, 200, 255), (0, 0, 2048, 2048))
    read = loaded(image, "PNG", compress_level=1)
    assert read.shape == (512, 1024, 3)
    assert read[:, :510].reshape(-1, 3).max(0).tolist() == [0, 0, 200] and read[:, 514:].min() == 255


# --- colour profiles ------------------------------------------------------------------------------------------


def swapped_profile() -> bytes:
    """sRGB with red and blue exchanged, under another name."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile).replace("sRGB".encode("utf-16-be"), "mine".encode("utf-16-be")).replace(b"sRGB", b"mine", 0)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_colour_profile_is_converted_to_srgb(loaded, form):
    options = {"quality": 100} if form != "TIFF" else {}
    red = Image.new("RGB", (40, 40), (255, 0, 0))
    read = loaded(red, form, icc_profile=swapped_profile(), **options)[20, 20]
    assert np.abs(read.astype(int) - (0, 0, 255)).max() <= 6


def test_srgb_itself_changes_nothing(loaded):
    image = Image.fromarray(np.random.RandomState(0).randint(0, 256, (40, 50, 3), dtype=np.uint8))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(loaded(image, "PNG", icc_profile=profile), np.asarray(image))


@pytest.mark.parametrize("profile", [b"not a profile", swapped_profile()[:300], b"\0" * 128])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA"])
def test_a_damaged_or_foreign_profile_does_not_cost_the_image(loaded, profile, mode):
    image = Image.new("RGB", (20, 20), (90, 90, 90))
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    assert np.abs(loaded(image, "PNG", icc_profile=profile)[9, 9].astype(int) - 90).max() <= 1


def test_a_profile_of_another_mode_is_left_alone(loaded):
    assert loaded(Image.new("L", (20, 20), 90), "PNG", icc_profile=swapped_profile())[9, 9].tolist() == [90, 90, 90]
    file = io.BytesIO()
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(file, "JPEG", icc_profile=swapped_profile(), quality=100)
    assert Image.open(file).mode == "CMYK"
    read = loaded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", icc_profile=swapped_profile(), quality=100)
    assert np.abs(read[8, 8].astype(int) - (255, 0, 0)).max() <= 3

"""A drawn digit, made as the digits were that the network learned: scikit-learn's come from scanned forms, each cut out
and reduced to 8 x 8 means (UCI, Optical Recognition of Handwritten Digits). Sharp strokes on a large sheet are nothing
that it has ever seen. Imports no torch."""

from PIL import Image

SIDE = 8
FILLED = 0.95  # of the side: of 0.9, 0.95 and 1.0 the one by which most drawings were read
ENLARGED = 256  # to be looked at; the network sees 32 x 32 of it


def as_digit(drawing: Image.Image) -> Image.Image:
    """White strokes on black, of any size -> RGB, ENLARGED x ENLARGED. What has no stroke stays black."""
    ink = drawing.convert("L")
    strokes = ink.crop(ink.getbbox())
    side = max(1, round(max(strokes.size) / FILLED))
    sheet = Image.new("L", (side, side))
    sheet.paste(strokes, ((side - strokes.width) // 2, (side - strokes.height) // 2))
    means = sheet.resize((SIDE, SIDE), Image.Resampling.BOX)
    return means.resize((ENLARGED, ENLARGED), Image.Resampling.BILINEAR).convert("RGB")

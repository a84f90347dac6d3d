"""The example images that come with the project: an emoji for each CIFAR-10 class, drawn before a ground.

    python -m benchmarks.example_images [--font NotoColorEmoji.ttf] [--output resnet_demo/examples]

The emoji are from the font Noto Color Emoji (SIL Open Font License 1.1; Debian: fonts-noto-color-emoji). An image of
CIFAR-10 itself must not be passed on with the project.
"""

import argparse
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

FONT = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
GLYPH = 109  # the only size, in pixels, that the font's bitmaps have
SIDE = 96

SKY, GRASS, ROAD, SAND, WATER, ROOM, WOOD = (
    ("#7fb2e5", "#cfe3f4"), ("#b9d7ec", "#5f8f3e"), ("#aebfcc", "#6d6f72"), ("#d9c7a3", "#b79b6c"),
    ("#a9cbe6", "#2f5f86"), ("#8d7f74", "#5b5048"), ("#4c6b3c", "#3a4a25"),
)  # fmt: skip

# class -> emoji, ground (colour at the top, at the bottom), share of the side that the emoji takes
DRAWN = {
    "airplane": ("\U0001f6e9", SKY, 0.9),
    "automobile": ("\U0001f697", ROAD, 0.85),
    "bird": ("\U0001f426", SKY, 0.8),
    "cat": ("\U0001f408", ROOM, 0.9),
    "deer": ("\U0001f98c", GRASS, 0.9),
    "dog": ("\U0001f415", SAND, 0.9),
    "frog": ("\U0001f438", WOOD, 0.9),
    "horse": ("\U0001f40e", GRASS, 0.9),
    "ship": ("\U0001f6a2", WATER, 0.9),
    "truck": ("\U0001f69a", ROAD, 0.9),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--font", type=Path, default=FONT, metavar="FILE")
    parser.add_argument("--output", type=Path, default=Path("resnet_demo/examples"), metavar="DIR")
    options = parser.parse_args()
    font = ImageFont.truetype(options.font, GLYPH)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, (emoji, ground, share) in DRAWN.items():
        draw(font, emoji, ground, share).save(options.output / f"{name}.png", optimize=True)


def draw(font: ImageFont.FreeTypeFont, emoji: str, ground: tuple[str, str], share: float) -> Image.Image:
    """RGB, SIDE x SIDE: the emoji in the middle of a ground that changes from top to bottom."""
    glyph = Image.new("RGBA", (2 * GLYPH, 2 * GLYPH))
    ImageDraw.Draw(glyph).text((GLYPH // 2, GLYPH // 2), emoji, font=font, embedded_color=True)
    glyph = glyph.crop(glyph.getbbox())
    scale = share * SIDE / max(glyph.size)
    glyph = glyph.resize((round(glyph.width * scale), round(glyph.height * scale)), Image.Resampling.LANCZOS)
    image = _gradient(*ground)
    image.paste(glyph, ((SIDE - glyph.width) // 2, (SIDE - glyph.height) // 2), glyph)
    return image


def _gradient(top: str, bottom: str) -> Image.Image:
    """Sharper in the middle, as a horizon seen through a cheap lens."""
    halves = Image.new("RGB", (1, 2))
    halves.putpixel((0, 0), Image.new("RGB", (1, 1), top).getpixel((0, 0)))
    halves.putpixel((0, 1), Image.new("RGB", (1, 1), bottom).getpixel((0, 0)))
    image = halves.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return image.filter(ImageFilter.GaussianBlur(SIDE / 24))


if __name__ == "__main__":
    main()

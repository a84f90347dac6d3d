"""Images to click, for who has none at hand: a pure function to HTML. Imports neither gradio nor torch."""

from collections.abc import Sequence
from html import escape

from PIL import Image, ImageOps

from resnet_demo.data.examples import Example
from resnet_demo.language import t
from resnet_demo.ui.images import data_url

SIDE = 64  # pixels of a thumbnail


def examples_html(known: Sequence[Example], foreign: Sequence[Example]) -> str:
    """A row of buttons for what the network knows and one for what it does not; each is one click to an answer."""
    rows = (
        _row(t("No image at hand? Click one"), known),
        _row(t("None of its classes, and yet it will name one"), foreign),
    )
    return f'<div class="examples">{"".join(rows)}</div>'


def _row(title: str, examples: Sequence[Example]) -> str:
    if not examples:
        return ""
    return f'<p>{title}</p><div class="examples-row">{"".join(map(_button, examples))}</div>'


def _button(example: Example) -> str:
    label = escape(t(example.label))
    thumbnail = ImageOps.fit(example.image, (SIDE, SIDE), Image.Resampling.LANCZOS)
    return (
        f'<button type="button" data-example="{escape(example.name)}" '
        f'title="{t("Classify this image: {label}", label=label)}">'
        f'<img src="{data_url(thumbnail)}" alt=""><span>{label}</span></button>'
    )

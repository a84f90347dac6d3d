"""A drawn digit is read by a network that has learned scanned ones, because it is made as these were."""

import math

import pytest
from PIL import Image, ImageDraw

from resnet_demo.data.drawing import as_digit
from resnet_demo.inference.predictor import Classifier
from resnet_demo.runs.directory import SHIPPED

SHEET = 280


def arc(x, y, width, height, start, end):
    """Points of an ellipse's arc, from one angle to another, in degrees."""
    angles = [math.radians(start + (end - start) * place / 14) for place in range(15)]
    return [(x + width * math.cos(angle), y + height * math.sin(angle)) for angle in angles]


STROKES = {  # as a mouse draws them, in parts of the sheet
    "0": [arc(0.5, 0.5, 0.25, 0.36, 0, 360)],
    "1": [[(0.38, 0.28), (0.52, 0.14), (0.52, 0.86)]],
    "2": [[*arc(0.5, 0.32, 0.22, 0.18, 180, 380), (0.3, 0.84), (0.74, 0.84)]],
    "3": [arc(0.48, 0.31, 0.22, 0.17, 200, 450) + arc(0.48, 0.66, 0.24, 0.19, 270, 510)],
    "4": [[(0.58, 0.14), (0.26, 0.6), (0.76, 0.6)], [(0.6, 0.36), (0.6, 0.88)]],
    "5": [[(0.72, 0.15), (0.34, 0.15), (0.32, 0.46), *arc(0.48, 0.64, 0.24, 0.21, 230, 500)]],
    "6": [[(0.62, 0.13), (0.36, 0.45), *arc(0.5, 0.66, 0.2, 0.2, 180, 540)]],
    "7": [[(0.26, 0.16), (0.74, 0.16), (0.44, 0.86)]],
    "8": [arc(0.5, 0.31, 0.18, 0.17, 90, 450) + arc(0.5, 0.67, 0.22, 0.19, 270, 630)],
    "9": [[*arc(0.5, 0.34, 0.2, 0.2, 0, 360), (0.7, 0.34), (0.62, 0.88)]],
}


def drawn(digit: str) -> Image.Image:
    sheet = Image.new("RGB", (SHEET, SHEET))
    for stroke in STROKES[digit]:
        ImageDraw.Draw(sheet).line([(x * SHEET, y * SHEET) for x, y in stroke], "white", SHEET // 11, "curve")
    return sheet


def test_what_is_drawn_is_read_where_the_sheet_itself_is_not():
    classifier = Classifier.from_file(next(SHIPPED.glob("*-resnet20-digits")) / "model.safetensors")

    def right(images: list[Image.Image]) -> int:
        answers = (prediction.ranked[0][0] for prediction in classifier.classify_batch(images))
        return sum(answer == digit for answer, digit in zip(answers, STROKES, strict=True))

    sheets = [drawn(digit) for digit in STROKES]
    assert right([as_digit(sheet) for sheet in sheets]) >= 8 > 4 >= right(sheets)


@pytest.mark.parametrize("box", [(0, 0, 3, 3), (200, 10, 204, 270)])
def test_where_and_how_large_it_was_drawn_changes_nothing(box):
    sheet = Image.new("RGB", (SHEET, SHEET))
    sheet.paste("white", box)
    moved = Image.new("RGB", (2 * SHEET, SHEET))
    moved.paste(sheet, (SHEET - 10, 0))
    assert as_digit(sheet).tobytes() == as_digit(moved).tobytes()
    assert as_digit(sheet).getbbox() is not None


def test_an_empty_sheet_stays_empty():
    assert as_digit(Image.new("RGB", (SHEET, SHEET))).getbbox() is None

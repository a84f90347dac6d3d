"""Two checkpoints' answers beside each other, from plain data."""

import re

from PIL import Image

from resnet_demo.inference.predictor import Prediction
from resnet_demo.ui.html.two_answers import SHOWN, two_answers_html
from tests.support.checkpoints import INFO


def said(**shares: float) -> Prediction:
    ranked = tuple(sorted(shares.items(), key=lambda pair: -pair[1]))
    return Prediction(ranked, Image.new("RGB", (32, 32)), False, INFO, "run")


def rows(page: str) -> list[list[str]]:
    """The classes of each column, from top to bottom."""
    return [re.findall('classify-name">([^<]*)', column) for column in page.split("<h3>")[1:]]


def test_both_columns_have_the_classes_in_the_first_ones_order():
    page = two_answers_html(said(cat=0.7, dog=0.2, frog=0.1), "A", said(cat=0.1, dog=0.3, frog=0.6), "B")
    assert rows(page) == [["cat", "dog", "frog"]] * 2
    assert re.findall("two-first><span[^>]*>([^<]*)", page) == ["cat", "frog"]
    assert "They disagree: <b>cat</b> here, <b>frog</b> there." in page and "60.0 %" in page


def test_where_they_know_other_classes_each_has_its_own_order():
    page = two_answers_html(said(cat=0.7, dog=0.3), "A", said(ship=0.6, cat=0.4), "B")
    assert rows(page) == [["cat", "dog"], ["ship", "cat"]]


def test_it_says_that_they_agree_and_how_many_classes_are_left_out():
    many = {f"class {n:02}": 1 / (n + 2) for n in range(SHOWN + 3)}
    page = two_answers_html(said(**many), "A", said(**many), "B")
    assert "Both say <b>class 00</b>." in page and "and 3 less likely classes" in page
    assert [len(column) for column in rows(page)] == [SHOWN, SHOWN]


def test_names_are_text_not_html():
    wrong = "<script>"
    page = two_answers_html(said(**{wrong: 1.0}), wrong, said(cat=1.0), wrong)
    assert wrong not in page

"""The table of several answers and its CSV, from plain data."""

import csv
import io
from dataclasses import replace
from urllib.parse import unquote

from PIL import Image

from resnet_demo.inference.predictor import Prediction
from resnet_demo.models.checkpoint_info import Calibration
from resnet_demo.ui.html.several_images import Answered, answers_csv, answers_html, progress_html
from tests.support.checkpoints import INFO

SEEN = Image.new("RGB", (32, 32), "red")


def answered(name: str, *shares: float) -> Answered:
    ranked = tuple(sorted(zip(INFO.classes, shares, strict=True), key=lambda pair: -pair[1]))
    return Answered(name, Prediction(ranked, SEEN, False, INFO, "run-1"))


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_csv_has_a_line_for_each_file_with_every_class_and_why_there_is_no_answer():
    lines = read(answers_csv([answered("a.png", 0.1, 0.2, 0.6, 0.1), Answered("b.png", None, "No.")], "run-1", INFO))
    good, bad = lines
    assert (good["file"], good["class"], good["probability"], good["problem"]) == ("a.png", "frog", "0.600000", "")
    assert [float(good[name]) for name in INFO.classes] == [0.1, 0.2, 0.6, 0.1]
    assert (good["run"], good["epoch"], good["calibrated"]) == ("run-1", "2", "no")
    assert (bad["file"], bad["class"], bad["problem"], bad["cat"]) == ("b.png", "", "No.", "")


def test_no_cell_of_the_csv_is_a_formula():
    info = replace(INFO, classes=("=1+1", "dog", "frog", "truck"))
    text = answers_csv([Answered("=cmd()", None, "@x")], "run-1", info)
    assert all(not cell.startswith(("=", "@")) for line in csv.reader(io.StringIO(text)) for cell in line)


def test_the_page_offers_the_csv_under_a_name_that_says_what_it_is():
    answers = [answered("a.png", 0.1, 0.2, 0.6, 0.1), answered("b.png", 0.7, 0.1, 0.1, 0.1)]
    page = answers_html(answers, "My run", "run-1", INFO, 2)
    assert 'download="answers-run-1-2-images.csv"' in page
    link = page.split('href="data:text/csv;charset=utf-8,')[1].split('"')[0]
    assert unquote(link) == answers_csv(answers, "run-1", INFO)


def test_the_table_says_whom_it_asked_how_sure_that_is_and_what_came_too_much():
    info = replace(INFO, calibration=Calibration(2000, 0.7, 0.07, 0.01))
    page = answers_html([answered("a.png", 0.1, 0.2, 0.6, 0.1)], "My run", "run-1", info, 340)
    assert "answered by <b>My run</b>" in page and "calibrated on 2,000 held-out images" in page
    assert "You chose 340; at most 100 are answered at a time" in page
    assert "frog</b>" in page and "60.0 %" in page and "dog <small>20.0 %" in page


def test_names_and_sentences_are_text_not_html():
    wrong = '"><img src=x onerror=alert(1)>'
    info = replace(INFO, classes=(wrong, "dog", "frog", "truck"))
    ranked = ((wrong, 0.9), ("dog", 0.1), ("frog", 0.0), ("truck", 0.0))
    page = answers_html(
        [Answered(wrong, Prediction(ranked, SEEN, False, info, wrong)), Answered(wrong, None, wrong)],
        wrong, "run-1", info, 2,
    )  # fmt: skip
    assert "<img src=x" not in page


def test_a_screen_reader_is_told_the_beginning_and_the_end_and_not_each_count():
    assert ["role" in progress_html(done, 40) for done in (0, 3, 39)] == [True, False, False]
    assert '<span role="status">1 image, answered by' in answers_html(
        [answered("a.png", 1, 0, 0, 0)], "A", "a", INFO, 1
    )

"""The report of an evaluation: nothing unescaped, every count there, and a sentence where a matrix is too large."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from resnet_demo.inference.evaluation_jobs import JobState
from resnet_demo.runs.evaluation import Evaluation
from resnet_demo.runs.worker_files import Progress
from resnet_demo.ui.html.evaluation import MOST_CLASSES, gallery_html, job_html, nothing_html, report_html

CLASSES = ("cat", "<u>dog</u>", "frog")


def evaluation(classes=CLASSES):
    labels = np.array([0, 0, 1, 1, 1, 2])
    answers = np.array([0, 1, 1, 0, 1, 2])
    return Evaluation(classes, labels, answers, np.linspace(0.4, 0.9, 6), data="digits", epoch=2, step=34)


def test_every_count_stands_in_its_cell():
    html = report_html(evaluation(), step=34)
    tree = ElementTree.fromstring(html)
    counts = {b.get("data-cell"): b.text for b in tree.iter("button") if (b.text or "").isdecimal()}
    assert counts == {"0,0": "1", "0,1": "1", "1,0": "1", "1,1": "2", "2,2": "1"}
    assert "evaluate again" not in html


def test_what_a_temperature_has_brought_is_told():
    fitted = replace(evaluation(), uncalibrated_error=0.0694, calibration="calibrated on 2,000 held-out images")
    html = report_html(fitted, step=34)
    assert "without its temperature it would be 6.9" in html
    assert "Its probabilities are calibrated on 2,000 held-out images." in re.sub("<[^>]+>", "", html)
    earlier = report_html(evaluation(), step=34)
    assert "temperature" not in earlier and "Its probabilities" not in earlier


def test_the_accuracy_of_the_images_alone_stands_beside_that_of_the_mean():
    assert "by the image alone 81.2 % are classified correctly" in report_html(
        replace(evaluation(), plain_accuracy=0.8123), step=34
    )
    assert "image alone" not in report_html(evaluation(), step=34)


def test_what_scrolls_has_a_role_and_a_name():
    areas = re.findall(r'<div [^>]*tabindex="0"[^>]*>', report_html(evaluation(), step=34))
    assert len(areas) == 2 and all("role=" in area and "aria-label=" in area for area in areas)


def test_names_of_classes_are_escaped():
    image = Image.new("RGB", (32, 32))
    for html in (report_html(evaluation(), 34), gallery_html(evaluation(), "<u>", [1, 3], [image, image])):
        assert "&lt;u&gt;dog&lt;/u&gt;" in html
        assert "<u>" not in html


def test_a_matrix_that_nobody_could_read_is_a_sentence():
    many = tuple(f"class {number}" for number in range(MOST_CLASSES + 1))
    html = report_html(evaluation(many), 34)
    assert f"A confusion matrix of {len(many)} classes would be too large to read" in html
    assert "class 0 taken for class 1" in html


def test_before_an_evaluation_it_is_said_what_will_stand_here():
    assert report_html(None, 34) == nothing_html()


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (JobState(), ""),
        (JobState("mine", None, running=True), "Starting…"),
        (JobState("mine", Progress("evaluating", 30, 60), running=True), "30 of 60"),
        (JobState("other", None, running=True), "of another run"),
        (JobState("mine", problem="The <disk> is full."), "The &lt;disk&gt; is full."),
    ],
)
def test_how_far_the_job_is(state, told):
    html = job_html(state, "mine")
    assert told in html and (told or html == "")


def test_another_runs_problem_is_not_this_ones():
    assert job_html(JobState("other", problem="The disk is full."), "mine") == ""


def test_a_visitor_is_not_told_where_the_servers_files_lie():
    html = job_html(JobState("mine", problem="There is no folder /home/me."), "mine", owner=False)
    assert "/home/me" not in html and "the owner is told why" in html
    warnings = ("2 files in /srv/animals were left out.", "The accuracy may flatter.")
    html = report_html(replace(evaluation(), warnings=warnings).for_anyone(), 34)
    assert "/srv" not in html and "may flatter" in html

"""Every text for people has its Chinese, each Chinese text is still said, and no text of the page stands outside the
table: where every text of the table is marked, nothing of two English words is left unmarked."""

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from resnet_demo.data.examples import out_of_distribution_examples
from resnet_demo.inference.blocks import OpenedBlock
from resnet_demo.inference.evaluation_jobs import JobState
from resnet_demo.inference.explain import GradCam, Occlusion
from resnet_demo.inference.predictor import Prediction
from resnet_demo.language import chinese
from resnet_demo.models.catalog import ARCHITECTURES, NetworkSpec
from resnet_demo.models.checkpoint_info import Calibration
from resnet_demo.models.describe import NetworkDescription, describe
from resnet_demo.runs.measured import BlockAblation
from resnet_demo.runs.worker_files import Progress
from resnet_demo.ui.app import header_html
from resnet_demo.ui.html import (
    answer,
    architecture,
    block_diagram,
    block_row,
    diagram,
    evaluation,
    examples,
    explorer,
    network_comparison,
    receptive_field,
    walk,
    why,
)
from resnet_demo.ui.html.evaluation import gallery_html, job_html, nothing_html, report_html
from resnet_demo.ui.html.walk_facts import Facts, Trained
from resnet_demo.ui.tabs import blocks, drawing_pad
from tests.support import marked
from tests.support.checkpoints import DIGITS, INFO
from tests.support.texts import all_texts, missing, sentences_of_errors
from tests.ui.html.test_block_row import row
from tests.ui.html.test_evaluation import evaluation as evaluated

NAMES = re.compile(r"(Conv|Identity|Zero-Pad|Plain) Block|(ResNet|Plain)-\d+|Grad-CAM|CIFAR-10|layer\d\.\d\S*|relu")
SEEN = Image.new("RGB", (32, 32))


def unmarked(markup: str) -> list[str]:
    return marked.unmarked(markup, NAMES)


@pytest.fixture
def every_text_marked():
    with marked.every_text_marked():
        yield


def of(arch: str, **choices: str) -> NetworkDescription:
    return describe(NetworkSpec(arch, **choices), 32)


def drawings(network: NetworkDescription) -> str:
    opened = (block_diagram.opened_html(network, stage.blocks[0].name) for stage in network.stages)
    whole = explorer.explorer_html(network, "layer1.0")
    return "".join([diagram.summary_html(network), whole, diagram.table_html(network), *opened])


def drawings_of(arch: str) -> str:
    return drawings(of(arch))


def measured(spec: NetworkSpec) -> NetworkDescription:
    return describe(spec, 32)


def step_of_the_walk(number: int) -> str:
    ablation = BlockAblation("", "digits", 297, 0.8, {"layer1.0": 0.2})
    return walk.step_html(number, Facts(measured, Trained("layer1.0", False, ablation)))


def said(**settings: object) -> Prediction:
    """An answer by a checkpoint of twelve classes, of which two have no bar."""
    names = tuple("abcdefghijkl")
    info = replace(INFO, classes=names, calibration=Calibration(200, 0.7, 0.1, 0.05))
    return replace(Prediction(tuple((name, 1 / 12) for name in names), SEEN, True, info, "run"), **settings)


def cam(**settings: object) -> GradCam:
    return replace(GradCam("cat", 0.5, np.ones((32, 32), np.float32), 2, 4, 4, INFO), **settings)


FALLS, NOTHING = np.ones((32, 32), np.float32), np.zeros((32, 32), np.float32)
OPENED = OpenedBlock("layer1.0", (0, 1), torch.randn(2, 4, 4), torch.randn(2, 4, 4), torch.zeros(2, 4, 4))
FOUND = replace(evaluated(("cat", "dog", "frog")), calibration="calibrated on 2,000 held-out images (temperature 0.71)")
RUNNING = JobState("mine", Progress("evaluating", 30, 60), running=True)
PAGE: dict[str, Callable[[], str]] = {
    "header": header_html,
    **{f"drawings of {arch}": partial(drawings_of, arch) for arch in ARCHITECTURES},
    "projections everywhere": lambda: drawings(of("resnet34", shortcut="C")),
    "what is left of an image": lambda: receptive_field.left_of_image_html(of("resnet20"), SEEN),
    "two networks": lambda: network_comparison.comparison_html(of("resnet50_article"), of("resnet20")),
    "blocks": lambda: block_row.row_html(row(ablation=BlockAblation("", "digits", 297, 0.8, {"layer1.0": 0.2}))),
    "blocks of a plain network": lambda: block_row.row_html(row("plain20", off=("layer1.0",))),
    "blocks off": lambda: block_row.row_html(row(off=("layer1.0", "layer2.1"))),
    "maps": lambda: block_row.maps_html(OPENED),
    "choices of images": lambda: block_row.choices_html(out_of_distribution_examples(), ""),
    "no checkpoint": block_row.no_checkpoint_html,
    "title of the blocks": blocks.title_html,
    "why residual networks": architecture.why_html,
    "measuring": architecture.measuring_html,
    "networks": architecture.networks_html,
    "about the blocks": architecture.blocks_intro_html,
    "about the comparison": architecture.compare_html,
    "next": architecture.next_html,
    "the way into the walk": walk.start_html,
    **{f"step {n} of the walk": partial(step_of_the_walk, n) for n in range(1, len(walk.STEPS) + 1)},
    "the walk without a checkpoint": lambda: walk.step_html(7, Facts(measured)),
    "the walk to a plain network": lambda: walk.step_html(7, Facts(measured, Trained("layer1.0", True, None))),
    "answer": lambda: answer.answer_html(said(trimmed=True), "run"),
    "answer, not calibrated": lambda: answer.answer_html(said(info=INFO), "run"),
    "before an image": lambda: answer.empty_html(DIGITS) + answer.known_html(DIGITS),
    "before a checkpoint": lambda: answer.empty_html(None) + answer.known_html(None),
    "no answer": lambda: answer.problem_html("", DIGITS),
    "a checkpoint": lambda: answer.choice_label("run", INFO) + answer.one_line(replace(INFO, accuracy=None)),
    "examples": lambda: examples.examples_html(out_of_distribution_examples(), out_of_distribution_examples()),
    "drawing pad": drawing_pad.pad_html,
    "why": lambda: why.why_html(SEEN, cam(), Occlusion(FALLS, 0.5), 3),
    "why, at the last stage": lambda: why.why_html(SEEN, cam(stage=4), Occlusion(FALLS, 0.5), 1),
    "why, without a reason": lambda: why.why_html(SEEN, cam(map=NOTHING), Occlusion(NOTHING, 0.0), 1),
    "animation": lambda: why.animation_html(SEEN, [cam(info=replace(INFO, epoch=0)), cam()]),
    "before an evaluation": nothing_html,
    "evaluation": lambda: report_html(FOUND, 35),
    "evaluation with its temperature": lambda: report_html(replace(FOUND, uncalibrated_error=0.07), 34),
    "evaluation of many classes": lambda: report_html(evaluated(tuple(map(str, range(30)))), 34),
    "gallery": lambda: gallery_html(FOUND, "", [0, 1], [SEEN, SEEN]) + gallery_html(FOUND, "", [], []),
    "title of a gallery": lambda: evaluation.taken_for(FOUND, 0, 1),
    "a job": lambda: job_html(RUNNING, "mine") + job_html(replace(RUNNING, progress=None), "other"),
}


def test_every_text_has_its_chinese():
    assert missing(all_texts()) == {}


def test_every_chinese_text_is_still_said():
    assert set(chinese()) - {text for text, _ in all_texts()} - sentences_of_errors() == set()


@pytest.mark.parametrize("part", PAGE)
@pytest.mark.usefixtures("every_text_marked")
def test_no_text_stands_outside_the_table(part):
    assert unmarked(PAGE[part]()) == []


@pytest.mark.usefixtures("every_text_marked")
def test_the_mark_tells():
    assert unmarked(f'<b title="{marked.marked("One text")}">{marked.marked("Click {name}.")}</b>') == []
    assert unmarked('<b title="Two words">Click here</b>') == ["Click here", "Two words"]
    assert unmarked(marked.marked("Click {what}.").format(what="this button")) == ["this button"]

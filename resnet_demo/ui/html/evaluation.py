"""What a checkpoint gets right and wrong, as HTML: pure functions. Imports neither gradio nor torch."""

import re
from collections.abc import Sequence
from html import escape

from PIL import Image

from resnet_demo.data.dataset import LoadProgress
from resnet_demo.data.known import data_label
from resnet_demo.inference.evaluation_jobs import ANSWERS, JobState
from resnet_demo.language import t
from resnet_demo.runs.evaluation import Evaluation
from resnet_demo.runs.metrics import (
    class_metrics,
    expected_calibration_error,
    most_confused,
    reliability,
    wilson_interval,
)
from resnet_demo.runs.text import PHASES, amount
from resnet_demo.runs.worker_files import Progress
from resnet_demo.text import percent, plural
from resnet_demo.ui.html.axis import Axis
from resnet_demo.ui.html.chart import Series, line_chart
from resnet_demo.ui.html.status_card import warnings_html
from resnet_demo.ui.html.terms import term
from resnet_demo.ui.images import data_url

MOST_CLASSES = 24  # whose confusion matrix can still be read
SHOWN = 24  # images of a gallery
CALIBRATED = re.compile(r"calibrated on ([\d,]+) held-out images? \(temperature ([\d.]+)\)")  # as a file says it
OPENS = "Click a cell, or go there by arrow keys and press Enter, to see its images."
NOT_HERE = "Its test images are not shipped with the project, so they cannot be shown here."
CONFIDENT_MISTAKES, UNSURE_RIGHT = "mistakes", "unsure"  # galleries that have a button of their own


def job_html(state: JobState, run_id: str, kind: str = ANSWERS, owner: bool = True) -> str:
    """How far the job is, whatever its kind; why this run's last one of this kind has failed, which may name folders,
    to its owner; '' where there is nothing to say."""
    if state.problem and (state.run_id, state.kind) == (run_id, kind):
        told = t(state.problem) if owner else t("This could not be measured; the owner is told why.")
        return f'<p class="evaluate-problem" role="alert">✕ {escape(told)}</p>'
    if not state.running:
        return ""
    progress = state.progress
    doing = escape(t(PHASES.get(progress.phase, progress.phase))) if progress else t("Starting")
    told = t("{doing}…", doing=doing) if state.run_id == run_id else t("{doing} (of another run)…", doing=doing)
    counted = amount(progress) if progress else ""  # not read out, as it changes each second
    return f'<div class="evaluate-job"><p><span role="status">{told}</span> {counted}</p>{_bar(progress)}</div>'


def _bar(progress: Progress | LoadProgress | None) -> str:
    share = progress.done / progress.total if progress and progress.total else 0
    return f'<div class="run-bar"><div style="width:{100 * share:.1f}%"></div></div>'


def report_html(evaluation: Evaluation | None, step: int | None, has_images: bool = True) -> str:
    """Headline, confusion matrix, reliability and the table of classes. `step` is the checkpoint's now: an evaluation
    of an earlier one says so. Without images a cell of the matrix has nothing to open, and says so."""
    if evaluation is None:
        return nothing_html()
    confusion = _confusion(evaluation, has_images) if len(evaluation.classes) <= MOST_CLASSES else _too_many(evaluation)
    return (
        f'<div class="evaluate-report">{_headline(evaluation, step)}{warnings_html(evaluation.warnings)}'
        f'<div class="evaluate-columns"><div>{confusion}{_confused_pairs(evaluation)}</div>'
        f"<div>{_reliability(evaluation)}{_classes(evaluation)}</div></div></div>"
    )


def nothing_html() -> str:
    """Before an evaluation: what will stand here."""
    said = t(
        "Evaluate asks the checkpoint about every test image of its data. Here you will see how often it is right, "
        "which classes it confuses, whether its confidence can be trusted, and the images that it gets wrong."
    )
    return f'<p class="evaluate-empty">{said}</p>'


def _headline(evaluation: Evaluation, step: int | None) -> str:
    low, high = wilson_interval(int(evaluation.correct.sum()), evaluation.images)
    right = t(
        "{share} of {images} test images of {data} are classified correctly ({interval} {low} to {high}), at step "
        "{step}.",
        interval=term("interval", t("95 % confidence interval")),
        share=f"<strong>{percent(evaluation.accuracy)}</strong>",
        images=f"{evaluation.images:,}",
        data=escape(data_label(evaluation.data)),
        low=percent(low),
        high=percent(high),
        step=f"{evaluation.step:,}",
    )
    older = ""
    if step is not None and step != evaluation.step:
        told = t("Its checkpoint is at step {step} by now: evaluate again.", step=f"{step:,}")
        older = f'{t(" ")}<span class="evaluate-older">{told}</span>'
    if evaluation.plain_accuracy is not None:
        right += t(" ") + t(
            "Each answer is the mean over an image and its mirror image; by the image alone {plain} are classified "
            "correctly.",
            plain=percent(evaluation.plain_accuracy),
        )
    return (
        f'<p class="evaluate-headline">{right}{older}</p><p class="hint">{_confidence(evaluation)}'
        f"{_how_calibrated(evaluation)}</p>"
    )


def _confidence(evaluation: Evaluation) -> str:
    """How far it can be trusted, and to which side it errs."""
    sure = float(evaluation.confidences.mean())
    measured = {
        "points": _points(expected_calibration_error(evaluation.confidences, evaluation.correct)),
        "sure": percent(sure),
        "right": percent(evaluation.accuracy),
        "leaning": t("overconfident") if sure > evaluation.accuracy else t("underconfident"),
    }
    if evaluation.uncalibrated_error is None:
        return t(
            "Its confidence is off by {points} percentage points on average (expected calibration error), and it is "
            "{leaning}: mean confidence {sure}, accuracy {right}.",
            **measured,
        )
    return t(
        "Its confidence is off by {points} percentage points on average (expected calibration error); without its "
        "temperature it would be {uncalibrated}, and it is {leaning}: mean confidence {sure}, accuracy {right}.",
        uncalibrated=_points(evaluation.uncalibrated_error),
        **measured,
    )


def _how_calibrated(evaluation: Evaluation) -> str:
    """What the file says in English; an earlier version's evaluation does not say."""
    if not evaluation.calibration:
        return ""
    calibration = t(evaluation.calibration)
    if found := CALIBRATED.fullmatch(evaluation.calibration):
        images = plural(int(found[1].replace(",", "")), "held-out image")
        calibration = t("calibrated on {images} (temperature {temperature})", images=images, temperature=found[2])
    return t(" ") + t("Its probabilities are {calibration}.", calibration=term("calibrated", calibration))


def _points(error: float) -> str:
    return f"{100 * error:.1f}"


# --- the confusion matrix -------------------------------------------------------------------------------------


def _confusion(evaluation: Evaluation, has_images: bool) -> str:
    heads = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in evaluation.classes)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(_cell(evaluation, true, answered) for answered in range(len(evaluation.classes)))
        + "</tr>"
        for true, name in enumerate(evaluation.classes)
    )
    caption = t("<b>Confusion matrix</b>: a row for each true class, a column for each answer.")
    hint = t(OPENS) if has_images else t(NOT_HERE)
    caption += f' <span class="only-live">{hint}</span>'  # not in a report
    return (
        f'<p class="evaluate-caption">{caption}</p>'
        f'<div class="evaluate-scroll" tabindex="0" role="group" aria-label="{t("Confusion matrix")}">'
        f'<table class="evaluate-confusion"><thead><tr><th class="evaluate-corner">{t("true ↓ answer →")}</th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(evaluation: Evaluation, true: int, answered: int) -> str:
    row = evaluation.confusion[true]
    count, share = int(row[answered]), float(row[answered] / max(1, row.sum()))
    kind = "right" if true == answered else "wrong"
    if not count:
        return f'<td class="{kind}">·</td>'
    told = t("{pair}: {images}", pair=taken_for(evaluation, true, answered), images=plural(count, "image"))
    return (
        f'<td class="{kind}" style="--share:{_shade(share):.0f}%"><button type="button" tabindex="-1" '
        f'data-cell="{true},{answered}" title="{escape(told)}" aria-label="{escape(told)}">{count:,}</button></td>'
    )


def taken_for(evaluation: Evaluation, true: int, answered: int) -> str:
    return t("{true} taken for {answer}", true=evaluation.classes[true], answer=evaluation.classes[answered])


def _shade(share: float) -> float:
    """Percent of the colour: by the square root, so that rare mistakes can be seen beside frequent right answers."""
    return 100 * share**0.5


def _too_many(evaluation: Evaluation) -> str:
    said = t(
        "A confusion matrix of {number} classes would be too large to read, so it is not shown.",
        number=len(evaluation.classes),
    )
    return f'<p class="hint">{said}</p>'


def _confused_pairs(evaluation: Evaluation) -> str:
    pairs = most_confused(evaluation.confusion)
    if not pairs:
        return ""
    items = "".join(
        f'<li><button type="button" data-cell="{true},{answered}">{escape(taken_for(evaluation, true, answered))}'
        f"</button> {plural(count, 'time')}</li>"
        for true, answered, count in pairs
    )
    title = t("Most frequent mistakes")
    return f'<h2 class="evaluate-title">{title}</h2><ol class="evaluate-pairs">{items}</ol>'


# --- confidence and classes -----------------------------------------------------------------------------------


def _reliability(evaluation: Evaluation) -> str:
    bins = reliability(evaluation.confidences, evaluation.correct)
    ideal = Series(t("perfect calibration"), "planned", [(0.0, 0.0), (1.0, 1.0)])
    measured = Series(t("measured"), "train", [(one.confidence, one.accuracy) for one in bins], dotted=True)
    axes = Axis.share(t("confidence")), Axis.share(t("accuracy"))
    chart = line_chart(t("Reliability"), *axes, [ideal, measured])
    return f'{chart}<p class="hint">{t("Below the dashed line the network is overconfident.")}</p>'


def _classes(evaluation: Evaluation) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{percent(one.precision)}</td><td>{percent(one.recall)}</td>'
        f"<td>{one.images:,}</td></tr>"
        for name, one in zip(evaluation.classes, class_metrics(evaluation.confusion), strict=True)
    )
    caption = t(
        "<b>Classes</b>: of the images classified as a class, precision is the share that belong to it; of the "
        "images that belong to it, recall is the share classified as it."
    )
    columns = t("class · precision · recall · images").split(" · ")
    heads = "".join(f'<th scope="col">{name}</th>' for name in columns)
    return (
        f'<p class="evaluate-caption">{caption}</p>'
        f'<div class="evaluate-scroll" tabindex="0" role="region" aria-label="{t("Classes")}">'
        '<table class="evaluate-classes"><thead><tr>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


# --- galleries ------------------------------------------------------------------------------------------------


def gallery_html(evaluation: Evaluation, title: str, places: Sequence[int], images: Sequence[Image.Image]) -> str:
    """Some test images with what they are and what they were taken for; `places` are their places in `evaluation`."""
    if not len(places):
        return f'<h2 class="evaluate-title">{escape(title)}</h2><p class="hint">{t("There are none.")}</p>'
    figures = "".join(_figure(evaluation, place, image) for place, image in zip(places, images, strict=True))
    return f'<h2 class="evaluate-title">{escape(title)}</h2><div class="evaluate-gallery">{figures}</div>'


def _figure(evaluation: Evaluation, place: int, image: Image.Image) -> str:
    true, answered = (escape(evaluation.classes[at[place]]) for at in (evaluation.labels, evaluation.answers))
    right = evaluation.labels[place] == evaluation.answers[place]
    answer = f"✓ {true}" if right else f"{true} → <b>{answered}</b>"
    told = t("Test image {place}, a {label}", place=place, label=true)
    return (
        f'<figure><img src="{data_url(image)}" alt="{told}"><figcaption>{answer}<br>'
        f"{percent(float(evaluation.confidences[place]))}</figcaption></figure>"
    )


def gallery_problem_html(sentence: str) -> str:
    return f'<p class="hint" role="alert">{escape(t(sentence))}</p>'

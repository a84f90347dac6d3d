"""What a checkpoint gets right and wrong, as HTML: pure functions. Imports neither gradio nor torch."""

from collections.abc import Sequence
from html import escape

from PIL import Image

from resnet_demo.data.dataset import LoadProgress
from resnet_demo.data.known import data_label
from resnet_demo.inference.evaluation_jobs import ANSWERS, JobState
from resnet_demo.runs.directory import Progress
from resnet_demo.runs.evaluation import Evaluation
from resnet_demo.runs.metrics import (
    class_metrics,
    expected_calibration_error,
    most_confused,
    reliability,
    wilson_interval,
)
from resnet_demo.runs.text import PHASES, amount
from resnet_demo.text import percent, plural
from resnet_demo.ui.html.chart import Axis, Series, line_chart
from resnet_demo.ui.html.present import warnings_html
from resnet_demo.ui.images import data_url

MOST_CLASSES = 24  # whose confusion matrix can still be read
SHOWN = 24  # images of a gallery
CONFIDENT_MISTAKES, UNSURE_RIGHT = "mistakes", "unsure"  # galleries that have a button of their own

NOTHING = (
    '<p class="evaluate-empty">Evaluate asks the checkpoint about every test image of its data. Here you will see how '
    "often it is right, which classes it confuses, whether its confidence can be trusted, and the images that it gets "
    "wrong.</p>"
)
GALLERY_HINT = "Click a cell of the confusion matrix to see its images here."


def job_html(state: JobState, run_id: str, kind: str = ANSWERS) -> str:
    """How far the job is, whatever its kind; why this run's last one of this kind has failed; '' where there is
    nothing to say."""
    if state.problem and (state.run_id, state.kind) == (run_id, kind):
        return f'<p class="evaluate-problem" role="alert">✕ {escape(state.problem)}</p>'
    if not state.running:
        return ""
    whose = "" if state.run_id == run_id else " (of another run)"
    return (
        f'<div class="evaluate-job" role="status"><p>{_doing(state.progress)}{whose}…</p>{_bar(state.progress)}</div>'
    )


def _doing(progress: Progress | LoadProgress | None) -> str:
    if progress is None:
        return "Starting"
    counted = amount(progress)
    return escape(f"{PHASES.get(progress.phase, progress.phase)}{': ' if counted else ''}{counted}")


def _bar(progress: Progress | LoadProgress | None) -> str:
    share = progress.done / progress.total if progress and progress.total else 0
    return f'<div class="run-bar"><div style="width:{100 * share:.1f}%"></div></div>'


def report_html(evaluation: Evaluation | None, step: int | None) -> str:
    """Headline, confusion matrix, reliability and the table of classes. `step` is the checkpoint's now: an evaluation
    of an earlier one says so."""
    if evaluation is None:
        return NOTHING
    confusion = _confusion(evaluation) if len(evaluation.classes) <= MOST_CLASSES else _too_many(evaluation)
    return (
        f'<div class="evaluate-report">{_headline(evaluation, step)}{warnings_html(evaluation.warnings)}'
        f'<div class="evaluate-columns"><div>{confusion}{_confused_pairs(evaluation)}</div>'
        f"<div>{_reliability(evaluation)}{_classes(evaluation)}</div></div></div>"
    )


def _headline(evaluation: Evaluation, step: int | None) -> str:
    low, high = wilson_interval(int(evaluation.correct.sum()), evaluation.images)
    error = expected_calibration_error(evaluation.confidences, evaluation.correct)
    sure = evaluation.confidences.mean() - evaluation.accuracy
    leaning = "surer than it should be" if sure > 0 else "less sure than it could be"
    older = (
        f' <span class="evaluate-older">Its checkpoint is at step {step:,} by now: evaluate again.</span>'
        if step is not None and step != evaluation.step
        else ""
    )
    return (
        f'<p class="evaluate-headline"><strong>{percent(evaluation.accuracy)}</strong> of '
        f"{evaluation.images:,} test images of {escape(data_label(evaluation.data))} are right "
        f"(95 % interval {percent(low)} to {percent(high)}), at step {evaluation.step:,}.{older}</p>"
        f'<p class="hint">Its confidence is off by {_points(error)} percentage points on average (expected '
        f"calibration error){_uncalibrated(evaluation)}, and it is {leaning}: "
        f"{percent(float(evaluation.confidences.mean()))} sure, {percent(evaluation.accuracy)} right."
        f"{_how_calibrated(evaluation)}</p>"
    )


def _uncalibrated(evaluation: Evaluation) -> str:
    error = evaluation.uncalibrated_error
    return "" if error is None else f"; without its temperature it would be {_points(error)}"


def _how_calibrated(evaluation: Evaluation) -> str:
    """An earlier version's evaluation does not say."""
    return f" Its probabilities are {escape(evaluation.calibration)}." if evaluation.calibration else ""


def _points(error: float) -> str:
    return f"{100 * error:.1f}"


# --- the confusion matrix -------------------------------------------------------------------------------------


def _confusion(evaluation: Evaluation) -> str:
    heads = "".join(f'<th scope="col"><span>{escape(name)}</span></th>' for name in evaluation.classes)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(_cell(evaluation, true, answered) for answered in range(len(evaluation.classes)))
        + "</tr>"
        for true, name in enumerate(evaluation.classes)
    )
    return (
        '<p class="evaluate-caption"><b>Confusion matrix</b>: a row for each true class, a column for each answer. '
        'Click a cell to see its images.</p><div class="evaluate-scroll" tabindex="0">'
        '<table class="evaluate-confusion"><thead><tr><th class="evaluate-corner">true ↓ answer →</th>'
        f"{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(evaluation: Evaluation, true: int, answered: int) -> str:
    row = evaluation.confusion[true]
    count, share = int(row[answered]), float(row[answered] / max(1, row.sum()))
    kind = "right" if true == answered else "wrong"
    if not count:
        return f'<td class="{kind}">·</td>'
    told = f"{evaluation.classes[true]} taken for {evaluation.classes[answered]}: {plural(count, 'image')}"
    return (
        f'<td class="{kind}" style="--share:{_shade(share):.0f}%"><button type="button" data-cell="{true},{answered}" '
        f'title="{escape(told)}" aria-label="{escape(told)}">{count:,}</button></td>'
    )


def _shade(share: float) -> float:
    """Percent of the colour: by the square root, so that rare mistakes can be seen beside frequent right answers."""
    return 100 * share**0.5


def _too_many(evaluation: Evaluation) -> str:
    return f'<p class="hint">A confusion matrix of {len(evaluation.classes)} classes could not be read.</p>'


def _confused_pairs(evaluation: Evaluation) -> str:
    pairs = most_confused(evaluation.confusion)
    if not pairs:
        return ""
    items = "".join(
        f'<li><button type="button" data-cell="{true},{answered}">{escape(evaluation.classes[true])} taken for '
        f"{escape(evaluation.classes[answered])}</button> {plural(count, 'time')}</li>"
        for true, answered, count in pairs
    )
    return f'<h2 class="evaluate-title">Most frequent mistakes</h2><ol class="evaluate-pairs">{items}</ol>'


# --- confidence and classes -----------------------------------------------------------------------------------


def _reliability(evaluation: Evaluation) -> str:
    bins = reliability(evaluation.confidences, evaluation.correct)
    ideal = Series("as sure as right", "planned", [(0.0, 0.0), (1.0, 1.0)])
    measured = Series("measured", "train", [(one.confidence, one.accuracy) for one in bins], dotted=True)
    chart = line_chart("Reliability", Axis.share("confidence"), Axis.share("accuracy"), [ideal, measured])
    return f'{chart}<p class="hint">Below the dashed line the network is surer than it should be.</p>'


def _classes(evaluation: Evaluation) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{percent(one.precision)}</td><td>{percent(one.recall)}</td>'
        f"<td>{one.images:,}</td></tr>"
        for name, one in zip(evaluation.classes, class_metrics(evaluation.confusion), strict=True)
    )
    return (
        '<p class="evaluate-caption"><b>Classes</b>: precision is the share of right ones among the images taken for a '
        "class, recall among the images of it.</p>"
        '<div class="evaluate-scroll" tabindex="0"><table class="evaluate-classes"><thead><tr>'
        '<th scope="col">class</th><th scope="col">precision</th><th scope="col">recall</th>'
        f'<th scope="col">images</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )


# --- galleries ------------------------------------------------------------------------------------------------


def gallery_html(evaluation: Evaluation, title: str, places: Sequence[int], images: Sequence[Image.Image]) -> str:
    """Some test images with what they are and what they were taken for; `places` are their places in `evaluation`."""
    if not len(places):
        return f'<h2 class="evaluate-title">{escape(title)}</h2><p class="hint">There are none.</p>'
    figures = "".join(_figure(evaluation, place, image) for place, image in zip(places, images, strict=True))
    return f'<h2 class="evaluate-title">{escape(title)}</h2><div class="evaluate-gallery">{figures}</div>'


def _figure(evaluation: Evaluation, place: int, image: Image.Image) -> str:
    true, answered = (escape(evaluation.classes[at[place]]) for at in (evaluation.labels, evaluation.answers))
    right = evaluation.labels[place] == evaluation.answers[place]
    answer = f"✓ {true}" if right else f"{true} → <b>{answered}</b>"
    return (
        f'<figure><img src="{data_url(image)}" alt="Test image {place}, a {true}"><figcaption>{answer}<br>'
        f"{percent(float(evaluation.confidences[place]))}</figcaption></figure>"
    )


def gallery_problem_html(sentence: str) -> str:
    return f'<p class="hint" role="alert">{escape(sentence)}</p>'

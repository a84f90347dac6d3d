"""What a checkpoint says of an image, in words and HTML: pure functions. Imports neither gradio nor torch."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from resnet_demo.data.known import data_label
from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.text import accuracy_text, calibration_text, checkpoint_text
from resnet_demo.text import percent
from resnet_demo.ui.html.terms import term
from resnet_demo.ui.images import data_url

if TYPE_CHECKING:  # brings torch
    from resnet_demo.inference.predictor import Prediction

SHOWN = 10  # classes with a bar of their own
# docs/experiments.md, "How sure it is, and what it does not know": the score that notices most of the photographs.
NOTICED, FALSE_ALARMS = 0.344, 0.05


def choice_label(name: str, info: ModelInfo) -> str:
    """One line of the list of runs."""
    return _unbroken(
        t(
            "{run} · {network} on {data}, {accuracy}",
            run=name,
            network=info.arch,
            data=data_label(info.data),
            accuracy=accuracy_text(info),
        )
    )


def one_line(info: ModelInfo) -> str:
    return _unbroken(checkpoint_text(info))


def known_html(info: ModelInfo | None) -> str:
    """The classes that the chosen checkpoint knows, beside the drop area."""
    if info is None:
        return f'<p class="classify-known">{t("The classes that the network knows will be listed here.")}</p>'
    chips = "".join(f"<li>{escape(name)}</li>" for name in info.classes)
    said = t("It knows these {number} classes, and takes every image for one of them:", number=len(info.classes))
    return f'<div class="classify-known"><p>{said}</p><ul tabindex="0" aria-label="{t("classes")}">{chips}</ul></div>'


# --- the card beside the image: one height in every state ---------------------------------------------------


def answer_html(prediction: "Prediction", run: str) -> str:
    """The likeliest class, the run that says so, the image as the network saw it, and a bar for each class."""
    name, share = prediction.ranked[0]
    probability = _unbroken(percent(share))
    calibration = term("calibrated", calibration_text(prediction.info))
    verdict = (
        f'<p class="classify-first" role="status"><strong>{escape(name)}</strong> '
        f"<span>{t('with {probability} probability', probability=probability)}</span></p>"
        f'<p class="classify-who">{t("Checkpoint: {run}", run=f"<b>{escape(run)}</b>")}<br>'
        f"{_unbroken(escape(checkpoint_text(prediction.info)))}<br>"
        f"{t('Its probabilities are {calibration}.', calibration=calibration)}</p>"
        f"{_what_was_done_first(prediction)}"
    )
    image = (
        f'<img src="{data_url(prediction.seen)}" '
        f'alt="{escape(t("The image at 32 by 32 pixels, as the network saw it"))}">'
        f"<figcaption>{t('What the network saw:<br>32 × 32 pixels')}</figcaption>"
    )
    more = len(prediction.ranked) - SHOWN
    rest = f'<p class="classify-more">{t("and {number} less likely classes", number=more)}</p>' if more > 0 else ""
    return _card(image, verdict, _bars(prediction.ranked[:SHOWN]) + rest + _caution(prediction.info))


def _caution(info: ModelInfo) -> str:
    """It stands there before any answer: who reads one has read it."""
    said = t(
        "It answers with one of its {number} classes for every image, also one that shows none of them (out of "
        "distribution), and can be confident and wrong. Of the confidence scores tried on the shipped ResNet-50, the "
        "best flagged only {noticed} of the photographs of other things, and wrongly {falsely} of the test images.",
        number=len(info.classes),
        noticed=percent(NOTICED),
        falsely=percent(FALSE_ALARMS),
    )
    return f'<p class="classify-caution">{said}</p>'


def _what_was_done_first(prediction: "Prediction") -> str:
    notes = []
    if prediction.info.flip_averaging:
        notes.append(t("The answer is the mean over the image and its mirror image, as its run chose."))
    if prediction.inverted:
        notes.append(t("Inverted first, because its border is light: the network has learned light strokes on black."))
    if prediction.trimmed:
        notes.append(t("Its uniform border was trimmed first."))
    return "".join(f'<p class="classify-note">{note}</p>' for note in notes)


def empty_html(info: ModelInfo | None) -> str:
    """Before an image: what will stand here, and how to make it appear."""
    if info is None:
        said = t(
            "There is no trained checkpoint yet, so there is nothing to ask. Start a training: it saves its first "
            "checkpoint after a minute, or at the end of the first epoch if that comes sooner, and from then on an "
            "image is answered here."
        )
        space = t("Each class and its probability will appear here, the likeliest first.")
        return _card(
            _no_image(),
            f'<p class="classify-title">{t("No checkpoint yet")}</p><p>{said}</p>'
            f'<button class="classify-to-train" data-to-train>{t("Go to Train")}</button>',
            f'<p class="classify-space">{space}</p>',
        )
    said = t("Drop, paste or photograph one: the classes will be ranked here, the likeliest first.")
    return _card(_no_image(), f'<p class="classify-title">{t("Show it an image")}</p><p>{said}</p>', _unanswered(info))


def problem_html(sentence: str, info: ModelInfo | None) -> str:
    """What went wrong, in place of an answer."""
    verdict = f'<p class="classify-title">✕ {t("No answer")}</p><p role="alert">{escape(t(sentence))}</p>'
    return _card(_no_image(), verdict, _unanswered(info) if info else "")


def _card(image: str, verdict: str, bars: str) -> str:
    return (
        f'<div class="classify-card"><div class="classify-head"><figure class="classify-seen">{image}</figure>'
        f'<div class="classify-verdict">{verdict}</div></div>{bars}</div>'
    )


def _unbroken(text: str) -> str:
    """A number stays on one line with its unit."""
    return text.replace(" %", "\u00a0%")


def _no_image() -> str:
    caption = t("What the network sees:<br>32 × 32 pixels")
    return f'<div class="classify-blank"></div><figcaption>{caption}</figcaption>'


def _unanswered(info: ModelInfo) -> str:
    return _bars([(name, None) for name in info.classes[:SHOWN]]) + _caution(info)


def _why(name: str, share: float | None) -> str:
    label = escape(name)
    hidden = "" if share is not None else ' hidden aria-hidden="true"'
    return (
        f'<button type="button" class="classify-why" data-why="{label}" '
        f'title="{t("Evidence for {label}", label=label)}"{hidden}>{t("Why?")}</button>'
    )


def _bars(ranked: Sequence[tuple[str, float | None]]) -> str:
    """A row for each class; without probabilities as long as nothing was asked."""
    answered = "" if ranked[0][1] is None else " classify-answered"
    rows = "".join(
        f'<li><span class="classify-name">{escape(name)}</span><span class="classify-bar">'
        f'<span style="width:{100 * (share or 0):.2f}%"></span></span>'
        f'<span class="classify-share">{percent(share)}</span>{_why(name, share)}</li>'
        for name, share in ranked
    )
    return f'<ol class="classify-bars{answered}">{rows}</ol>'

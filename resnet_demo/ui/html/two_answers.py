"""What two checkpoints say of one image, beside each other: pure functions. Imports neither gradio nor torch."""

from html import escape
from typing import TYPE_CHECKING

from resnet_demo.language import t
from resnet_demo.runs.text import checkpoint_text
from resnet_demo.text import percent

if TYPE_CHECKING:  # brings torch
    from resnet_demo.inference.predictor import Prediction

SHOWN = 10  # classes with a bar of their own


def two_answers_html(first: "Prediction", name: str, other: "Prediction", other_name: str) -> str:
    """Whether they agree, then each one's classes in the same order where they know the same."""
    one, two = first.ranked[0], other.ranked[0]
    if one[0] == two[0]:
        verdict = t("Both say {answer}.", answer=f"<b>{escape(one[0])}</b>")
    else:
        verdict = t(
            "They disagree: {answer} here, {other} there.",
            answer=f"<b>{escape(one[0])}</b>",
            other=f"<b>{escape(two[0])}</b>",
        )
    order = [label for label, _ in first.ranked]
    same = set(order) == {label for label, _ in other.ranked}
    other_order = order if same else [label for label, _ in other.ranked]
    columns = _column(first, name, order) + _column(other, other_name, other_order)
    return f'<section class="two-answers" role="status"><p>{verdict}</p><div>{columns}</div></section>'


def problem_html(sentence: str) -> str:
    """Why there is no second answer."""
    return f'<section class="two-answers"><p role="alert">✕ {escape(t(sentence))}</p></section>'


def _column(prediction: "Prediction", name: str, order: list[str]) -> str:
    shares, best = dict(prediction.ranked), prediction.ranked[0][0]
    rows = "".join(
        f'<li{" class=two-first" if label == best else ""}><span class="classify-name">{escape(label)}</span>'
        f'<span class="classify-bar"><span style="width:{100 * shares[label]:.2f}%"></span></span>'
        f'<span class="classify-share">{percent(shares[label])}</span></li>'
        for label in order[:SHOWN]
    )
    more = len(order) - SHOWN
    rest = f'<p class="classify-more">{t("and {more} less likely classes", more=more)}</p>' if more > 0 else ""
    return (
        f'<div><h3>{escape(name)}</h3><p class="classify-who">{escape(checkpoint_text(prediction.info))}</p>'
        f'<ol class="classify-bars">{rows}</ol>{rest}</div>'
    )

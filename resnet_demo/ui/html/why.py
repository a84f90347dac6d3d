"""Why an image is taken for a class, and how that came about, as HTML: pure functions. Imports neither gradio nor
torch."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from resnet_demo.data.framing import fit
from resnet_demo.language import t
from resnet_demo.text import percent
from resnet_demo.ui.images import data_url

if TYPE_CHECKING:  # brings torch
    from resnet_demo.inference.explain import GradCam, Occlusion

SIDE = 256  # pixels of a map that is shown
MARK = (224, 0, 150)  # neither of the colours that have a meaning
MOST_OPAQUE = 0.75
READ = (
    "What both maps mark is what the network goes by. What Grad-CAM alone marks, such as an empty corner, changes "
    "little when it is covered: where they differ, trust occlusion."
)
FADED = 0.35  # how far the image behind is faded to grey


def marked(image: Image.Image, places: np.ndarray) -> Image.Image:
    """The RGB image as the network saw it, each pixel enlarged, with what `places` (32, 32), 0..1, marks."""
    square = fit(image).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    grey = Image.blend(square, square.convert("L").convert("RGB"), FADED)
    opacity = Image.fromarray((255 * MOST_OPAQUE * places.clip(0, 1)).astype(np.uint8)).resize(
        square.size, Image.Resampling.BICUBIC
    )
    return Image.composite(Image.new("RGB", square.size, MARK), grey, opacity)


def why_html(image: Image.Image, cam: "GradCam", occlusion: "Occlusion", epochs: int) -> str:
    """Both maps side by side; a button for the animation where the run has kept at least two checkpoints (`epochs`)."""
    label = escape(cam.label)
    falls = occlusion.map.clip(0)
    control = falls / falls.max() if falls.max() > 0 else falls
    animation = ""
    if epochs > 1:
        offer = t("Animation: how this changed over {number} saved checkpoints", number=epochs)
        animation = f'<button type="button" class="why-animation" data-animation="{label}">{offer}</button>'
    title = t("Evidence for {label}, {probability}", label=f"<b>{label}</b>", probability=_share(cam))
    return (
        f'<div class="why" data-class="{label}"><h2>{title}</h2><div class="why-maps">'
        f"{_figure(marked(image, cam.map), 'why-map', _cam_words(cam))}"
        f"{_figure(marked(image, control), 'why-map', _occlusion_words(occlusion))}</div>"
        f'<p class="hint">{t(READ)}</p>{animation}</div>'
    )


def _cam_words(cam: "GradCam") -> str:
    where = {"stage": cam.stage, "stages": cam.stages, "side": cam.side}
    if not cam.map.any():
        return t(
            "<b>Grad-CAM</b> (stage {stage} of {stages}, {side} × {side} positions): at this depth nothing in the "
            "image is evidence for it.",
            **where,
        )
    if cam.stage < cam.stages:
        return t(
            "<b>Grad-CAM</b> (stage {stage} of {stages}, {side} × {side} positions): where the feature map raises "
            "this class's score most, judged by the gradient. Deeper maps are too small to say where.",
            **where,
        )
    return t(
        "<b>Grad-CAM</b> (stage {stage} of {stages}, {side} × {side} positions): where the feature map raises this "
        "class's score most, judged by the gradient.",
        **where,
    )


def _occlusion_words(occlusion: "Occlusion") -> str:
    points = 100 * occlusion.largest_fall
    if points < 0.5:
        return t("<b>Occlusion</b> (the control): no covered square lowers its probability.")
    return t(
        "<b>Occlusion</b> (the control): squares of 8 × 8 of the 32 × 32 pixels are covered in turn. Marked is where "
        "its probability falls, by up to {points} points.",
        points=f"{points:.0f}",
    )


def animation_html(image: Image.Image, frames: Sequence["GradCam"]) -> str:
    """All frames at once, so that the slider asks nobody; the last one is shown first."""
    last, label = len(frames) - 1, escape(frames[0].label)
    shown = "".join(
        f'<figure class="why-frame" {"" if number == last else "hidden"}>'
        f'<img src="{data_url(marked(image, frame.map))}" alt="{t("Grad-CAM {moment}", moment=_moment(frame))}">'
        f"<figcaption>{_told(frame)}</figcaption></figure>"
        for number, frame in enumerate(frames)
    )
    return (
        f'<div class="why" data-class="{label}"><h2>{t("How the network came to look there")}</h2><div>{shown}</div>'
        f'<label class="why-slider">{t("Kept checkpoints, from the first to the last")}<input type="range" min="0" '
        f'max="{last}" step="1" value="{last}" aria-label="{t("checkpoint")}"></label></div>'
    )


def problem_html(sentence: str) -> str:
    return f'<p class="hint" role="alert">{escape(t(sentence))}</p>'


def _figure(image: Image.Image, name: str, words: str) -> str:
    return f'<figure class="{name}"><img src="{data_url(image)}" alt=""><figcaption>{words}</figcaption></figure>'


def _told(cam: "GradCam") -> str:
    answer = f"<b>{escape(cam.label)}</b> {_share(cam)}"
    return t("{moment}: {answer}", moment=_moment(cam).capitalize(), answer=answer)


def _moment(cam: "GradCam") -> str:
    if cam.info.epoch:
        return t("after epoch {epoch}", epoch=cam.info.epoch)
    return t("at step {step}", step=f"{cam.info.step:,}")


def _share(cam: "GradCam") -> str:
    return percent(cam.probability).replace(" %", "\u00a0%")

"""The part of the Classify tab that says why: on demand, for one class of the answer that is shown."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from resnet_demo.errors import UserError
from resnet_demo.files import parse_json
from resnet_demo.runs.directory import RunDirectory, RunError
from resnet_demo.runs.snapshot import checksum
from resnet_demo.runs.store import NO_CHECKPOINT, NO_SUCH_RUN
from resnet_demo.runs.watcher import NEWEST
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html import why
from resnet_demo.ui.images import uploaded_image
from resnet_demo.ui.wiring import POLL_EVENT, RAW_INPUTS, goes_unless_of, import_torch

# The slider chooses among frames that are here already.
ASK_FOR_ANIMATION = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-animation]');
  const {answered, of} = button?.closest('[data-answered]').dataset ?? {};
  if (!button) return;
  window.animationAsked = JSON.stringify({label: button.dataset.animation, answered, of, at: Date.now()});
  trigger('select');
});
"""
# Maps take seconds, and by then another image may have been answered, or another checkpoint have answered.
OF_THE_ANSWER = goes_unless_of("classify-answer")
OF_THE_MAPS = goes_unless_of("classify-why", "class")  # which may be another class's by then
SLIDE = """
element.addEventListener('input', (event) => {
  element.querySelectorAll('.why-frame').forEach((frame, place) => { frame.hidden = place != event.target.value; });
});
"""


NEWER = "The run has saved a newer checkpoint since this answer. Click Classify again, then ask why."


class WhyPanel:
    """Built where it is called; then call `wire`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.why = gr.HTML(
            "", elem_id="classify-why", elem_classes="classify-html", js_on_load=ASK_FOR_ANIMATION + OF_THE_ANSWER
        )
        self.animation = gr.HTML(
            "",
            elem_id="classify-animation",
            elem_classes="classify-html",
            js_on_load=SLIDE + OF_THE_ANSWER + OF_THE_MAPS,
        )
        # What was clicked, as the scripts wrote it, and when.
        self.asked_why, self.asked_animation = (gr.Textbox("", visible="hidden") for _ in range(2))

    def wire(self, answer: gr.HTML, question: list, asked: list, limits: dict[str, Any]) -> None:
        """`answer` is triggered once its script has written the class in question, `question` is image, run and trim,
        and `asked` are the events after which another answer comes."""
        self._cache = question[0].GRADIO_CACHE
        shown = [self.why, self.animation]
        quiet = {
            "show_progress": "minimal",
            "api_visibility": "undocumented",
            "trigger_mode": "always_last",
            **limits,
        }
        # By way of boxes: a call that has waited for an earlier one is sent with the earlier one's event data, but with
        # what stands in a box by then.
        answer.select(None, None, self.asked_why, js="() => window.whyAsked")
        self.why.select(None, None, self.asked_animation, js="() => window.animationAsked")
        self.asked_why.change(self.explain, [*question, self.asked_why], shown, api_name="explain", **quiet)
        self.asked_animation.change(
            self.show_animation, [*question, self.asked_animation], self.animation, api_name="why_animation", **quiet
        )
        gr.on(asked, lambda: ["", ""], None, shown, api_name="forget_why", **POLL_EVENT, **RAW_INPUTS)

    def explain(self, image: Any, chosen: Any, trim: Any, asked: Any, request: gr.Request | None = None) -> list[str]:
        """Two maps for the class that was clicked, by the checkpoint that answered; a raw request may name anything."""
        try:
            decoded = uploaded_image(image, self._cache, trim is not False).image
            run, step, label, of = self._asked(chosen, asked, request)
            import_torch()
            from resnet_demo.inference.explain import Explainer

            explainer = Explainer.from_file(run.model_path)
            if step not in ("", str(explainer.info.step)):
                raise RunError(NEWER)
            maps = explainer.grad_cam(decoded, label), explainer.occlusion(decoded, label)
            html = why.why_html(decoded, *maps, len(_kept(run)))
            return [asked_by(image, chosen, trim, html, answered_by(run.id, explainer.info.step), of), ""]
        except UserError as error:
            return [why.problem_html(str(error)), ""]

    def show_animation(self, image: Any, chosen: Any, trim: Any, asked: Any, request: gr.Request | None = None) -> str:
        """One map for each checkpoint that the run has kept."""
        try:
            decoded = uploaded_image(image, self._cache, trim is not False).image
            run, step, label, of = self._asked(chosen, asked, request)
            import_torch()
            from resnet_demo.inference.explain import grad_cam_over_epochs

            html = why.animation_html(decoded, grad_cam_over_epochs(_kept(run), decoded, label))
            return asked_by(image, chosen, trim, html, answered_by(run.id, step), of)
        except UserError as error:
            return why.problem_html(str(error))

    def _asked(self, chosen: Any, asked: Any, request: gr.Request | None) -> tuple[RunDirectory, str, str, str]:
        """The run whose checkpoint has answered, at which step, the class in question, and the answer's mark: by now
        another checkpoint may be the newest. Of a raw request that does not say who has answered, the chosen run and
        ''. Raises RunError."""
        told = _told_of(asked)
        run_id, _, step = str(told.get("answered") or "").rpartition(" ")
        run = self._run(run_id or chosen, request)
        return run, step, str(told.get("label", "")), str(told.get("of") or "")

    def _run(self, chosen: Any, request: gr.Request | None = None) -> RunDirectory:
        """Raises RunError."""
        if not isinstance(chosen, str):
            raise RunError(NO_SUCH_RUN)
        store = self.backend.of(request).store
        run = store.latest_model() if chosen == NEWEST else store.get(chosen)
        if run is None:
            raise RunError(NO_CHECKPOINT)
        return run


def asked_by(image: Any, chosen: Any, trim: Any, html: str, answered: str, of: str = "") -> str:
    """What is answered to this question, marked as such, and with the checkpoint that has answered. What was asked `of`
    an answer bears that one's mark: a call that has waited is sent with the image of by then."""
    path = image.get("path") if isinstance(image, dict) else image
    mark = of or checksum(path, chosen, trim, answered)
    return f'<div class="question" data-of="{escape(mark)}" data-answered="{escape(answered)}">{html}</div>'


def answered_by(run_id: str, step: int | str) -> str:
    """A checkpoint, as the page sends it back."""
    return f"{run_id} {step}"


def _kept(run: RunDirectory) -> list[Path]:
    """The epochs that are kept, and the checkpoint itself where it is of a later one."""
    epochs, info = run.saved_epochs(), run.model_info()
    newer = info is not None and (not epochs or info.epoch > epochs[-1])
    return [*map(run.epoch_path, epochs), *([run.model_path] if newer else [])]


def _told_of(asked: Any) -> dict[str, Any]:
    """What a script wrote of a click; nothing of what is no such text."""
    try:
        read = parse_json(asked) if isinstance(asked, str) else None
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}

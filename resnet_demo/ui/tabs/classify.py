"""The Classify tab: drop in an image, and the newest checkpoint, or a chosen run's, ranks its classes.

Torch is imported by the first answer, never by this module.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr

from resnet_demo.errors import UserError
from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.directory import RunError
from resnet_demo.runs.snapshot import checksum
from resnet_demo.runs.store import NO_SUCH_RUN
from resnet_demo.runs.text import name_of
from resnet_demo.runs.watcher import NEWEST
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html import answer
from resnet_demo.ui.images import uploaded_image
from resnet_demo.ui.tabs.drawing_pad import DrawingPad
from resnet_demo.ui.tabs.examples import ExamplesPanel
from resnet_demo.ui.tabs.several_images import SeveralImages
from resnet_demo.ui.tabs.two_answers import TwoAnswers
from resnet_demo.ui.tabs.why import WhyPanel, answered_by, asked_by
from resnet_demo.ui.wiring import POLL_EVENT, RAW_INPUTS, html_of, script

if TYPE_CHECKING:
    from resnet_demo.inference.predictor import Prediction

# The buttons are part of the card, so that nothing moves when they go.
ON_CLICK = """
element.addEventListener('click', (event) => {
  if (event.target.closest('[data-to-train]')) trigger('click');
  const button = event.target.closest('[data-why]');
  const {answered, of} = button?.closest('[data-answered]').dataset ?? {};
  if (!button) return;
  window.whyAsked = JSON.stringify({label: button.dataset.why, answered, of, at: Date.now()});
  trigger('select');
});
"""

# What is asked while a question fails on its way, as where the queue is full, is never sent: so it is asked anew, once.
# Where another question has been answered meanwhile there is nothing to ask: the box stays as it is.
ASK_ANEW = """async () => {
  if (window.askedAnew) {
    document.dispatchEvent(new Event('unanswered'));
    window.askedAnew = false;
    return;
  }
  window.askedAnew = true;
  await new Promise((resolve) => setTimeout(resolve, 2000));
  if (window.askedAnew) return String(Date.now());
}"""
ANSWERED = "() => { window.askedAnew = false; document.dispatchEvent(new Event('answered')); }"

# Unchecked, since Gradio's own preparation of an image would also turn 16 bits white, and take a path from a request
# that leaves out its 'meta'.
ASK = {"concurrency_limit": 2, "concurrency_id": "classify", **RAW_INPUTS}


class Checkpoint(NamedTuple):
    """What a run has saved, and what the run is called."""

    run: str
    info: ModelInfo


class ClassifyTab:
    """Built where it is called, inside its `gr.Tab`. Whoever builds the page then calls `refresh_on` and
    `lead_to_train`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._build()
        self._wire()

    # --- widgets ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        checkpoints = self._checkpoints(None)
        info = self._info(NEWEST)
        self.seen = gr.Textbox("", visible="hidden")
        self.asking = gr.Textbox("", visible="hidden")  # changes when what is shown is to be asked for anew
        with gr.Row(elem_classes="classify-row"):  # three parts, placed by the style sheet
            with gr.Column(elem_classes="classify-ask"):
                self.image = gr.Image(
                    type="filepath",
                    sources=["upload", "clipboard", "webcam"],
                    label="Image",
                    height=340,
                    buttons=[],
                    format="png",  # of an example: not changed by a lossy codec on its way
                    placeholder="Drop an image here\n- or -\nClick to choose one",
                    elem_id="classify-image",
                )
                self.drawing = DrawingPad(self._info)
                self.examples = ExamplesPanel(self._info)
                self.trim = gr.Checkbox(
                    True,
                    label="Trim a uniform border",
                    info="The network learned objects that fill the frame.",
                    elem_id="classify-trim",
                )
                self.known = _html(lambda: answer.known_html(self._newest_info()), "classify-known")
            with gr.Column(elem_classes="classify-says"):
                self.answer = _html(
                    lambda: answer.empty_html(self._newest_info()),
                    "classify-answer",
                    js_on_load=ON_CLICK + script("unanswered.js"),
                )
                self.why = WhyPanel(self.backend)
            with gr.Column(elem_classes="classify-who-answers"):
                self.run = gr.Dropdown(
                    _choices(checkpoints, info),
                    value=NEWEST,
                    label="Checkpoint",
                    info="A run in progress saves a newer checkpoint about every minute. Click Classify again to use "
                    "it.",
                    filterable=False,
                )
                self.two = TwoAnswers(self.backend)
                self.again = gr.Button("Classify again", visible=info is not None)
        self.two.build_shown()
        self.several = SeveralImages(self.backend)

    def _wire(self) -> None:
        question = [self.image, self.run, self.trim]
        asked = [self.image.change, self.run.input, self.trim.input, self.again.click, self.asking.change]
        answered = gr.on(
            asked,
            self.show_answer,
            question,
            self.answer,
            show_progress="minimal",
            trigger_mode="always_last",
            api_name="show_answer",
            api_visibility="undocumented",
            **ASK,
        )
        answered.success(None, js=ANSWERED)
        answered.failure(None, None, self.asking, js=ASK_ANEW)
        self.why.wire(self.answer, question, asked, ASK)
        self.two.wire(question, asked, ASK)
        self.several.wire(self.run, self.trim, ASK)
        gr.on(
            [self.run.change, self.seen.change],
            self.show_known,
            self.run,
            self.known,
            api_name="show_known",
            trigger_mode="always_last",
            **POLL_EVENT,
            **RAW_INPUTS,
        )
        gr.on(
            [],
            self.classify,
            question,
            gr.JSON(label="Answer", visible=False),
            api_name="classify",
            api_description="Rank the classes for an image, by the newest checkpoint or by a run's. The image is a "
            "file that you upload (at most 25 MB); a web address is not fetched.",
            **ASK,
        )

    # --- what changes while the page is open ------------------------------------------------------------------

    def lead_to_train(self, tabs: gr.Tabs, train_id: str = "train") -> None:
        """Let the button that stands here before the first checkpoint open the Train tab."""
        self.answer.click(lambda: gr.Tabs(selected=train_id), None, tabs, api_name="to_train", **POLL_EVENT)

    def refresh_on(self, *events) -> None:
        """Keep the list of runs as it is on disk: call once, with what tells of a new checkpoint."""
        gr.on(
            events,
            self.refresh,
            [self.seen, self.run, self.image],
            [self.seen, self.asking, self.run, self.again],
            api_name="refresh_classify",
            **POLL_EVENT,
            **RAW_INPUTS,
        )
        self.two.refresh_on(*events)
        for panel in (self.examples, self.drawing):
            panel.wire(self.run, self.image, [self.run.change, *events])

    def refresh(self, seen: Any, chosen: Any, image: Any, request: gr.Request | None = None) -> list:
        """What to show when a checkpoint has come, changed or gone; an answer that is shown stays, and an image that
        was dropped before there was any checkpoint is asked about now. What stands in an answer's place says which
        classes there are: without an image it is asked for anew."""
        checkpoints = self._checkpoints(request)
        version = checksum(checkpoints)
        if version == seen:
            return gr.skip()
        kept = chosen if isinstance(chosen, str) and chosen in checkpoints else NEWEST
        # What stays chosen is not sent: another may be chosen by the time that this arrives.
        gone: dict[str, Any] = {} if kept == chosen else {"value": kept}
        info = self._info(kept, request)
        return [
            version,
            version if image is None or seen == checksum({}) else gr.skip(),
            gr.Dropdown(choices=_choices(checkpoints, self._info(NEWEST, request)), **gone),
            gr.Button(visible=info is not None),
        ]

    def show_known(self, chosen: str, request: gr.Request | None = None) -> str:
        """The classes of the chosen checkpoint."""
        return answer.known_html(self._info(chosen, request))

    def _checkpoints(self, request: gr.Request | None) -> dict[str, Checkpoint]:
        """Every run that has a checkpoint, newest run first; only headers are read."""
        found = self.backend.of(request).store.checkpoints()
        return {run.id: Checkpoint(name_of(run), info) for run, info in found}

    def _info(self, chosen: Any, request: gr.Request | None = None) -> ModelInfo | None:
        """What the chosen checkpoint says of itself; None where there is none."""
        store = self.backend.of(request).store
        try:
            run = store.latest_model() if chosen == NEWEST else store.get(chosen)
        except RunError:
            return None
        return run.model_info() if run else None

    def _newest_info(self) -> ModelInfo | None:
        """The same of the newest checkpoint, for each page that is opened: by what is watched, without a look at every
        run's files."""
        newest = self.backend.watcher.snapshot().newest_checkpoint()
        return newest.model_info if newest else None

    # --- answers ----------------------------------------------------------------------------------------------

    def show_answer(self, image: Any, chosen: Any, trim: Any, request: gr.Request | None = None) -> str:
        """The card beside the image; what goes wrong is said in it."""
        if image is None:
            return answer.empty_html(self._info(chosen, request))
        try:
            prediction = self._ask(image, chosen, trim, request)
            run = self.backend.of(request).store.get(prediction.run_id or "")
            answered = answered_by(run.id, prediction.info.step)
            return asked_by(image, chosen, trim, answer.answer_html(prediction, name_of(run)), answered)
        except UserError as error:
            return answer.problem_html(str(error), self._info(chosen, request))

    def classify(
        self, image: Any, run: Any = NEWEST, trim: Any = True, request: gr.Request | None = None
    ) -> dict[str, Any]:
        """The public endpoint: every class with its probability, and the checkpoint that answered."""
        try:
            return self._ask(image, run, trim, request).as_dict()
        except UserError as error:
            raise gr.Error(str(error), title=t("No answer"), print_exception=False) from error

    def _ask(self, upload: Any, chosen: Any, trim: Any, request: gr.Request | None) -> "Prediction":
        """Raises UserError."""
        if not isinstance(chosen, str):
            raise RunError(NO_SUCH_RUN)
        decoded = uploaded_image(upload, self.image.GRADIO_CACHE, trim is not False)
        predictor = self.backend.of(request).predictor.get()
        prediction = predictor.classify(decoded.image, None if chosen == NEWEST else chosen)
        return replace(prediction, trimmed=decoded.trimmed)


def _choices(checkpoints: dict[str, Checkpoint], newest: ModelInfo | None) -> list[tuple[str, str]]:
    """The default says which data and network answer."""
    label = t("The newest checkpoint: none yet")
    if newest:
        label = t("The newest checkpoint: {checkpoint}", checkpoint=answer.one_line(newest))
    return [(label, NEWEST), *((answer.choice_label(*saved), run_id) for run_id, saved in checkpoints.items())]


def _html(make: Callable[[], str], elem_id: str, js_on_load: str | None = None) -> gr.HTML:
    return html_of(make, elem_id=elem_id, elem_classes="classify-html", js_on_load=js_on_load)

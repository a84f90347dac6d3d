"""The part of the Architecture tab in which an image passes a checkpoint's blocks, and a click switches one off.

Torch is imported by the first image, never by this module.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import gradio as gr
from PIL import Image

from resnet_demo.data.examples import Example, out_of_distribution_examples
from resnet_demo.errors import UserError
from resnet_demo.inference.evaluation_jobs import BLOCKS
from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.directory import RunDirectory, RunError
from resnet_demo.runs.measured import BlockAblation
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html import block_row
from resnet_demo.ui.html.evaluation import job_html
from resnet_demo.ui.images import uploaded_image
from resnet_demo.ui.tabs.checkpoint_choice import checkpoint_dropdown, chosen_by_now, refreshed
from resnet_demo.ui.tabs.examples import known_to
from resnet_demo.ui.wiring import ACTION_EVENT, POLL_EVENT, RAW_INPUTS, described, html_of, import_torch, moment

if TYPE_CHECKING:  # brings torch
    from resnet_demo.inference.blocks import Pass

TICK_S = 1.0  # while the blocks are measured
SEPARATOR = ","
# The page shows the press at once.
SWITCH = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-block]');
  if (!button) return;
  button.setAttribute('aria-pressed', button.getAttribute('aria-pressed') !== 'true');
  window.blocksPressed = button.dataset.block;
  trigger('click');
});
"""
CHOOSE = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-example]');
  if (!button) return;
  window.blocksExample = button.dataset.example;
  trigger('click');
});
"""
# What is off is held beside the drawing, which an answer to an earlier press may have drawn anew by now.
_SWITCHED = """(held) => {
  const pressed = window.blocksPressed, off = held.split(',').filter((name) => name && name !== pressed);
  if (!held.split(',').includes(pressed)) off.push(pressed);
  return [off.join(','), pressed, String(Date.now())];
}"""
_ALL_ON = "() => ['', String(Date.now())]"
_OTHER_RUN = "() => ['', '', String(Date.now())]"
_CHOSEN = "(upload, before) => [window.blocksExample, null, upload ? before : String(Date.now())]"  # that asks, too
_QUIET = {**POLL_EVENT, **RAW_INPUTS}
_ACTING = {**ACTION_EVENT, **RAW_INPUTS}


class Asked(NamedTuple):
    """What the page wants to see, as it was sent."""

    run: Any
    upload: Any
    example: Any
    off: Any
    opened: Any


class BlocksPanel:
    """Built where it is called; then call `wire`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        html_of(title_html, elem_classes="arch-html", elem_id="blocks-title")
        with gr.Row(elem_classes="blocks-ask"):
            with gr.Column(scale=5, min_width=320):
                self.run = checkpoint_dropdown(backend.store, elem_id="blocks-run")
                self.examples = gr.HTML("", elem_id="blocks-examples", elem_classes="arch-html", js_on_load=CHOOSE)
            with gr.Column(scale=2, min_width=220):
                self.upload = gr.Image(
                    type="filepath",
                    sources=["upload", "clipboard"],
                    label="Or an image of yours",
                    height=150,
                    buttons=[],
                    placeholder="Drop an image here",
                    elem_id="blocks-image",
                )
        self.row = gr.HTML('<div class="blocks-space"></div>', elem_id="blocks-row", elem_classes="arch-html",
                           js_on_load=SWITCH)  # fmt: skip
        with gr.Row(elem_classes="blocks-buttons"):
            self.all_on = gr.Button("Switch all blocks on", size="md", min_width=150, elem_id="blocks-all-on")
            self.measure = gr.Button(
                "Measure the accuracy without each block", size="md", min_width=150, elem_id="blocks-measure"
            )
            self.cancel = gr.Button("Cancel", size="md", min_width=100, interactive=False, elem_id="blocks-cancel")
        self.job = gr.HTML("", elem_id="blocks-job")
        self.maps = gr.HTML("", elem_id="blocks-maps", elem_classes="arch-html")
        self.example, self.off, self.opened = (gr.Textbox("", visible="hidden") for _ in range(3))
        # These change when the row is to be asked for: what comes with it would ask for it once more.
        self.switching, self.choosing, self.measured = (gr.Textbox("", visible="hidden") for _ in range(3))
        self.timer = gr.Timer(TICK_S, active=False)

    @property
    def asked(self) -> list[Any]:
        """What the handlers take: the fields of `Asked`."""
        return [self.run, self.upload, self.example, self.off, self.opened]

    @property
    def switched(self) -> list[Any]:
        """What `show_without` fills."""
        return [self.off, self.opened, self.example, self.switching]

    def wire(self, page: gr.Blocks, checkpoints: gr.Textbox, measuring: gr.Textbox) -> None:
        """`checkpoints` changes whenever a checkpoint has come, been replaced or gone, `measuring` when a job has begun
        or ended, here or on another page."""
        jobs = [self.job, self.measure, self.cancel, self.timer]
        self.run.change(None, None, [self.off, self.opened, self.switching], js=_OTHER_RUN)
        self.row.click(None, self.off, [self.off, self.opened, self.switching], js=_SWITCHED)
        self.all_on.click(None, None, [self.off, self.switching], js=_ALL_ON)
        self.examples.click(None, [self.upload, self.choosing], [self.example, self.upload, self.choosing], js=_CHOSEN)
        # One event for all, so that no answer about an earlier checkpoint or image comes after a later one's.
        gr.on(
            [page.load, *(one.change for one in (self.switching, self.choosing, self.upload, self.measured))],
            self.show,
            self.asked,
            [self.examples, self.row, self.maps, *jobs],
            api_name="blocks",
            trigger_mode="always_last",
            **_QUIET,
        )
        checkpoints.change(
            self.refresh, self.run, self.run, js=chosen_by_now(self.run), api_name="refresh_blocks", **_QUIET
        )
        gr.on(
            [self.timer.tick, measuring.change],
            self.follow,
            self.run,
            [self.measured, *jobs],
            api_name="blocks_progress",
            trigger_mode="always_last",
            **_QUIET,
        )
        self.measure.click(self.start, self.run, jobs, api_name="measure_blocks", **_ACTING)
        self.cancel.click(self.stop, self.run, jobs, api_name="cancel_blocks", **_ACTING)

    # --- looking ----------------------------------------------------------------------------------------------

    def refresh(self, chosen: Any) -> Any:
        """The list of checkpoints as it is now."""
        return refreshed(self.backend.store, chosen)

    def show(self, request: gr.Request, *sent: Any) -> list:
        """The examples, the row of blocks, the maps of the opened one, and how far a job is. An example takes the place
        of an image that was dropped."""
        asked = Asked(*sent)
        examples = self._examples(self._info(asked.run))
        choices = block_row.choices_html(examples, self._example_name(asked, examples))
        return [choices, *self.draw(asked), *self._jobs(asked.run, request)]

    def draw(self, asked: Asked) -> list[str]:
        """The row of blocks and the maps of the opened one; what goes wrong is said in their place."""
        run, info = self._run(asked.run), self._info(asked.run)
        if run is None or info is None:
            return [block_row.no_checkpoint_html(), ""]
        try:
            row = self._row(run, asked)
        except UserError as error:
            return [block_row.problem_html(str(error)), ""]
        return [block_row.row_html(row), block_row.maps_html(row.passed.opened)]

    def show_without(self, off: str, *sent: Any) -> list:
        """That block off, all others on, and the example sent through whose answer loses most by it; an image of the
        visitor's own stays. Why nothing can be sent through, the row says."""
        asked = Asked(*sent)._replace(off=off, opened="")
        run, info = self._run(asked.run), self._info(asked.run)
        lost = {}
        if run is not None and asked.upload is None:
            with suppress(UserError):
                rows = {one.name: self._row(run, asked._replace(example=one.name)) for one in self._examples(info)}
                lost = {name: _lost(row.passed) for name, row in rows.items()}
        example = max(lost, key=lost.__getitem__) if lost else asked.example
        return [off, "", example, moment()]

    def known_of(self, chosen: Any) -> tuple[ModelInfo, BlockAblation | None] | None:
        """What a run's checkpoint is, and what was measured of its blocks; None where there is none."""
        run, info = self._run(chosen), self._info(chosen)
        return (info, BlockAblation.of(run, info)) if run and info else None

    def follow(self, chosen: Any, request: gr.Request) -> list:
        """How far the measurement is; what it has found is drawn once it is there."""
        state = self.backend.evaluations.state
        is_found = state.kind == BLOCKS and not state.running
        return [moment() if is_found else gr.skip(), *self._jobs(chosen, request)]

    def _row(self, run: RunDirectory, asked: Asked) -> block_row.BlockRow:
        """Raises UserError."""
        import_torch()
        from resnet_demo.data.batches import to_tensor
        from resnet_demo.data.framing import prepare
        from resnet_demo.inference.blocks import pass_through, untrained_ratios
        from resnet_demo.inference.predictor import on_one_core

        classifier = self.backend.predictor.get().classifier(run.id)
        info = classifier.info
        seen, _ = prepare(self._image(asked, info), info.light_on_dark)
        off = str(asked.off or "").split(SEPARATOR)
        return block_row.BlockRow(
            network=described(info.network(), seen.width),
            info=info,
            passed=on_one_core(pass_through, classifier, to_tensor([seen]), off, str(asked.opened or "")),
            untrained=on_one_core(untrained_ratios, info.network()),
            ablation=BlockAblation.of(run, info),
            seen=seen,
        )

    def _image(self, asked: Asked, info: ModelInfo) -> Image.Image:
        if asked.upload is not None:
            return uploaded_image(asked.upload, self.upload.GRADIO_CACHE).image
        examples = self._examples(info)
        name = self._example_name(asked, examples)
        return next(one.image for one in examples if one.name == name)

    def _example_name(self, asked: Asked, examples: list[Example]) -> str:
        """Of the example that is shown: the chosen one where it is among these; none beside an image of one's own."""
        if asked.upload is not None or not examples:
            return ""
        return asked.example if asked.example in [one.name for one in examples] else examples[0].name

    def _examples(self, info: ModelInfo | None) -> list[Example]:
        """What the checkpoint knows; where nothing is at hand, what it never learned."""
        return known_to(info) or out_of_distribution_examples() if info else []

    def _run(self, chosen: Any) -> RunDirectory | None:
        try:
            return self.backend.store.get(chosen)
        except RunError:
            return None

    def _info(self, chosen: Any) -> ModelInfo | None:
        run = self._run(chosen)
        return run.model_info() if run else None

    # --- the accuracy without each block: each handler checks by itself who asks ----------------------------------

    def start(self, chosen: Any, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        run = self._run(chosen)
        if run is None or run.model_info() is None:
            raise gr.Error(t("There is no checkpoint to measure. Train one first."), print_exception=False)
        self.backend.act(lambda: self._start(run))
        return self._jobs(chosen, request)

    def _start(self, run: RunDirectory) -> None:
        run.refuse_if_shipped()  # what was measured of it came with it
        self.backend.evaluations.start(run, BLOCKS)

    def stop(self, chosen: Any, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        self.backend.evaluations.cancel()
        return self._jobs(chosen, request)

    def _jobs(self, chosen: Any, request: gr.Request) -> list:
        """How far the job is, and which of its buttons can be pressed."""
        run, state = self._run(chosen), self.backend.evaluations.state
        owner = self.backend.access.is_owner(request)
        can_start = owner and run is not None and not run.is_shipped and run.model_info() is not None
        return [
            job_html(state, run.id if run else "", BLOCKS, owner),
            gr.Button(interactive=can_start and not state.running),
            gr.Button(interactive=owner and state.running),
            gr.Timer(active=state.running),
        ]


def _lost(passed: "Pass") -> float:
    """Of the probability of the answer that all blocks give."""
    first = max(passed.intact)
    return first - passed.probabilities[passed.intact.index(first)]


def title_html() -> str:
    return f'<h2 class="arch-title">{t("Send an image through, and switch blocks off")}</h2>'

"""The Evaluate tab: what a checkpoint gets right and wrong on the test images of its data."""

from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from resnet_demo.data.known import FOLDER
from resnet_demo.errors import UserError
from resnet_demo.inference.evaluation_jobs import EvaluationError
from resnet_demo.language import t
from resnet_demo.runs.directory import RunDirectory, RunError
from resnet_demo.runs.evaluation import Evaluation, load_evaluation
from resnet_demo.runs.metrics import wilson_interval
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html import evaluation as report
from resnet_demo.ui.html.evaluation import CONFIDENT_MISTAKES, NOT_HERE, SHOWN, UNSURE_RIGHT
from resnet_demo.ui.tabs.checkpoint_choice import checkpoint_dropdown, chosen_by_now, refreshed
from resnet_demo.ui.wiring import ACTION_EVENT, POLL_EVENT, RAW_INPUTS, goes_unless_of, html_of

TICK_S = 1.0  # while an evaluation is under way
_CALM = "(matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth')"
OPEN_CELL = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-cell]');
  if (!button) return;
  window.cellOpened = button.dataset.cell;
  trigger('click');
  document.getElementById('evaluate-gallery')?.scrollIntoView({behavior: CALM, block: 'nearest'});
});
// One stop for the Tab key, and not one for each of a hundred cells: within the matrix the arrow keys lead.
const STEPS = {ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0]};
element.addEventListener('keydown', (event) => {
  const matrix = event.target.closest('.evaluate-scroll'), step = STEPS[event.key];
  if (!matrix?.querySelector('[data-cell]') || !step) return; // the table of classes scrolls
  event.preventDefault();
  const cellAt = (row, column) => matrix.querySelector(`[data-cell="${row},${column}"]`);
  if (event.target === matrix) return matrix.querySelector('[data-cell]')?.focus();
  let [row, column] = event.target.dataset.cell.split(',').map(Number);
  const size = matrix.querySelectorAll('tbody tr').length;
  do { row += step[0]; column += step[1]; }  // an empty cell has no images
  while (!cellAt(row, column) && Math.min(row, column) >= 0 && Math.max(row, column) < size);
  cellAt(row, column)?.focus();
});
""".replace("CALM", _CALM)
# Images may come late, when the report of another checkpoint stands above: then they go.
SHOW_IMAGES = (
    goes_unless_of("evaluate-report")
    + """
watch('value', () => requestAnimationFrame(() => {
  if (element.querySelector('figure, p')) element.scrollIntoView({behavior: CALM, block: 'start'});
}));
""".replace("CALM", _CALM)
)
# Which images are wanted, and since when: the same may be wanted once more.
_WANTED = "() => [{kind}, Date.now()].join(' ')"
_BUTTON: dict[str, Any] = {"size": "md", "min_width": 130}
_QUIET = {**POLL_EVENT, **RAW_INPUTS}
_FETCHING = {**_QUIET, "show_progress": "full"}  # the data's images are read or decoded first, which may take a while


class EvaluateTab:
    """Built where it is called, inside its `gr.Tab`; then call `wire`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.jobs = backend.evaluations
        with gr.Row(elem_classes="evaluate-ask"):
            self.run = checkpoint_dropdown(backend.store, scale=5, min_width=300, elem_id="evaluate-run")
            self.start = gr.Button("Evaluate", variant="primary", elem_id="evaluate-start", **_BUTTON)
            self.cancel = gr.Button("Cancel", interactive=False, elem_id="evaluate-cancel", **_BUTTON)
        self.job = gr.HTML("", elem_id="evaluate-job")
        self.report = html_of(report.nothing_html, elem_id="evaluate-report", js_on_load=OPEN_CELL)
        with gr.Row(visible=False, elem_classes="evaluate-galleries") as self.galleries:
            self.mistakes = gr.Button("Show confident mistakes", elem_id="evaluate-mistakes", **_BUTTON)
            self.unsure = gr.Button("Show uncertain correct answers", **_BUTTON)
        self.gallery = gr.HTML("", elem_id="evaluate-gallery", js_on_load=SHOW_IMAGES)
        self.wanted = gr.Textbox("", visible="hidden")
        self.timer = gr.Timer(TICK_S, active=False)

    def wire(self, page: gr.Blocks, checkpoints: gr.Textbox, measuring: gr.Textbox) -> None:
        """`checkpoints` changes whenever a checkpoint has come, been replaced or gone, `measuring` when a job has begun
        or ended, here or on another page."""
        shown = [self.job, self.report, self.galleries, self.start, self.cancel, self.timer]
        # One event for all, so that no answer about an earlier checkpoint comes after a later one's.
        gr.on(
            [page.load, self.run.change, measuring.change, self.timer.tick],
            self.show,
            self.run,
            shown,
            api_name="show_evaluation",
            trigger_mode="always_last",
            **_QUIET,
        )
        # Images of another report would stand under this one.
        gr.on(
            [self.run.change, self.start.click],
            lambda: "",
            None,
            self.gallery,
            trigger_mode="always_last",
            **_QUIET,
        )
        checkpoints.change(
            self.refresh, self.run, self.run, js=chosen_by_now(self.run), api_name="refresh_evaluate", **_QUIET
        )
        self.start.click(self.begin, self.run, shown, api_name="start_evaluation", **ACTION_EVENT, **RAW_INPUTS)
        self.cancel.click(self.stop, self.run, shown, api_name="cancel_evaluation", **ACTION_EVENT, **RAW_INPUTS)
        self.mistakes.click(None, None, self.wanted, js=_WANTED.format(kind=f"'{CONFIDENT_MISTAKES}'"))
        self.unsure.click(None, None, self.wanted, js=_WANTED.format(kind=f"'{UNSURE_RIGHT}'"))
        self.report.click(None, None, self.wanted, js=_WANTED.format(kind="window.cellOpened"))
        # One event for all, so that the last images asked for are those that stay.
        self.wanted.change(
            self.show_gallery,
            [self.run, self.wanted],
            self.gallery,
            api_name="evaluation_images",
            trigger_mode="always_last",
            **_FETCHING,
        )
        gr.on(
            [],
            self.evaluate,
            self.run,
            gr.JSON(label="Evaluation", visible=False),
            api_name="evaluate",
            api_description="What a run's checkpoint reached on the test images of its data: accuracy with its 95 % "
            "interval, calibration error, accuracy of each class, confusion matrix (rows: true classes). It reports "
            "what the Evaluate tab has measured, and measures nothing.",
            **RAW_INPUTS,
        )

    # --- looking ----------------------------------------------------------------------------------------------

    def refresh(self, chosen: Any) -> Any:
        """The list of checkpoints as it is now."""
        return refreshed(self.backend.store, chosen)

    def show(self, chosen: Any, request: gr.Request) -> list:
        """The report of the chosen run, how far a job is, and which buttons can be pressed."""
        run, state = self._run(chosen), self.jobs.state
        found = load_evaluation(run) if run else None
        info = run.model_info() if run else None
        owner = self.backend.access.is_owner(request)
        told = found if owner or found is None else found.for_anyone()
        has_images = found is not None and run is not None and _has_images(run, found)
        return [
            report.job_html(state, run.id if run else "", owner=owner),
            _of(run, found, report.report_html(told, info.step if info else None, has_images)),
            gr.Row(visible=has_images),
            gr.Button(
                interactive=owner and run is not None and info is not None and not run.is_shipped and not state.running
            ),
            gr.Button(interactive=owner and state.running),
            gr.Timer(active=state.running),
        ]

    def evaluate(self, run: Any) -> dict[str, Any]:
        """The public endpoint, and a tool of MCP by this name. A raw request may name anything."""
        try:
            found = self.backend.store.get(run)
            if (evaluation := load_evaluation(found)) is None:
                raise EvaluationError("This run has not been evaluated. Press Evaluate in the Evaluate tab.")
        except UserError as error:
            raise gr.Error(str(error), title=t("Not evaluated"), print_exception=False) from error
        told = evaluation.for_anyone().as_dict()
        interval = wilson_interval(int(evaluation.correct.sum()), evaluation.images)
        return {"run": found.id, "step": evaluation.step, "interval_95": interval, **told}

    def show_gallery(self, chosen: Any, wanted: Any, request: gr.Request) -> str:
        """The surest mistakes, the unsure right answers, or a cell 'true,answered' of the confusion matrix, with the
        moment of the click after it; a raw request may name anything."""
        kind = str(wanted).partition(" ")[0]
        run = self._run(chosen)
        found = load_evaluation(run) if run else None
        if run is None or found is None:
            return ""
        return _of(run, found, self._gallery(run, found, request, kind))

    def _gallery(self, run: RunDirectory, found: Evaluation, request: gr.Request, kind: str) -> str:
        if not _has_images(run, found):
            return report.gallery_problem_html(NOT_HERE)
        owner = self.backend.access.is_owner(request)
        if found.data.startswith(FOLDER) and not owner:
            return report.gallery_problem_html("The images of a folder are shown to their owner alone.")
        try:
            title, places = _chosen_images(found, kind)
            tensor = self.jobs.images(found, places)
        except EvaluationError as error:
            return report.gallery_problem_html(str(error))
        except UserError as error:  # it may name folders
            told = str(error) if owner else "These images cannot be shown now; the owner is told why."
            return report.gallery_problem_html(told)
        images = [Image.fromarray(one) for one in tensor.permute(0, 2, 3, 1).contiguous().numpy()]
        return report.gallery_html(found, title, places, images)

    def _run(self, chosen: Any) -> RunDirectory | None:
        """Looked up without reading the others: this is asked each second while an evaluation is under way."""
        try:
            return self.backend.store.get(chosen)
        except RunError:
            return None

    # --- acting: each checks by itself who asks -----------------------------------------------------------------

    def begin(self, chosen: Any, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        run = self._run(chosen)
        if run is None:
            raise gr.Error(t("There is no checkpoint to evaluate. Train one first."), print_exception=False)
        self.backend.act(lambda: self._start(run))
        return self.show(chosen, request)

    def _start(self, run: RunDirectory) -> None:
        run.refuse_if_shipped()  # its evaluation came with it
        self.jobs.start(run)

    def stop(self, chosen: Any, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        self.jobs.cancel()
        return self.show(chosen, request)


def _has_images(run: RunDirectory, found: Evaluation) -> bool:
    """Not those of a shipped run that learned from a folder of the machine where it was trained."""
    folder = Path(found.data.removeprefix(FOLDER))
    return not (run.is_shipped and found.data.startswith(FOLDER)) or folder.is_dir()


def _of(run: RunDirectory | None, found: Evaluation | None, html: str) -> str:
    """A report or its images, marked with the evaluation that they are of."""
    mark = f"{run.id} {found.step}" if run and found else ""
    return f'<div data-of="{escape(mark)}">{html}</div>'


def _chosen_images(found: Evaluation, kind: str) -> tuple[str, list[int]]:
    """Title and places of a gallery. Raises EvaluationError for what is no gallery."""
    if kind == CONFIDENT_MISTAKES:
        return t("Most confident mistakes"), found.confident_mistakes()[:SHOWN].tolist()
    if kind == UNSURE_RIGHT:
        return t("Uncertain correct answers"), found.unsure_right_answers()[:SHOWN].tolist()
    pair = [int(number) for number in kind.split(",") if number.isdecimal()]
    if len(pair) != 2 or max(pair) >= len(found.classes):
        raise EvaluationError(t("There is no such cell. Click one of the confusion matrix."))
    true, answered = pair
    places = found.of_cell(true, answered)[:SHOWN].tolist()
    if true == answered:
        return t("{label}, answered correctly", label=found.classes[true]), places
    return report.taken_for(found, true, answered), places

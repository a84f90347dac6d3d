"""The Runs tab: all runs in a table; the ticked ones are compared, exported, run again, changed."""

from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from resnet_demo.language import ENGLISH, in_language, t
from resnet_demo.runs.points import write_csv
from resnet_demo.runs.snapshot import checksum
from resnet_demo.runs.watcher import RunsSnapshot
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.downloads import DOWNLOAD, written
from resnet_demo.ui.html import comparison, runs_table
from resnet_demo.ui.html.chart import MAX_SMOOTHING
from resnet_demo.ui.html.curves import X_AXES, ChartChoice
from resnet_demo.ui.html.runs_table import NEWEST_FIRST, Picked, picked_runs, version_of
from resnet_demo.ui.tabs.export_panel import ExportPanel
from resnet_demo.ui.tabs.run_changes import RunChanges, one_picked
from resnet_demo.ui.tabs.train import TrainTab
from resnet_demo.ui.wiring import ACTION_EVENT, POLL_EVENT, RAW_INPUTS, chart_choice, html_of, sent_with

# The browser knows which runs are ticked: a table that comes anew in the meantime cannot untick them. Each run keeps
# its place, and so its colour and letter, while others come and go. At first those are ticked that the address names.
TICKS = """
const places = [];
const readAddress = () => {
  const given = new URLSearchParams(location.search), runs = given.get('runs') ?? '';
  if (given.get('tab') !== 'runs') return; // then it says nothing of them
  places.splice(0, Infinity, ...(runs ? runs.split(',').map((run) => run || null) : []));
  show();
  tell();
};
const tell = () => { window.pickedRuns = JSON.stringify(places); trigger('select'); };
const show = () => element.querySelectorAll('input[data-run]').forEach((box) => {
  const place = places.indexOf(box.dataset.run);
  box.checked = place >= 0;
  const chip = box.nextElementSibling;
  chip.className = place < 0 ? '' : `compare-chip run-${place % COLOURS}`;
  chip.textContent = place < 0 ? '' : String.fromCharCode(65 + place % 26);
});
element.addEventListener('change', ({target}) => {
  if (!target.dataset.run) return;
  const place = places.indexOf(target.checked ? null : target.dataset.run);
  if (!target.checked) places[place] = null;
  else if (place >= 0) places[place] = target.dataset.run;
  else places.push(target.dataset.run);
  show();
  tell();
});
element.addEventListener('click', (event) => {
  const head = event.target.closest('[data-sort]');
  if (head) trigger('click', {column: head.dataset.sort});
});
window.addEventListener('popstate', readAddress);
if (new URLSearchParams(location.search).get('runs')) readAddress();
watch('value', () => {
  const there = new Set([...element.querySelectorAll('input[data-run]')].map((box) => box.dataset.run));
  const gone = places.filter((run) => run && !there.has(run));
  gone.forEach((run) => { places[places.indexOf(run)] = null; });
  show();
  if (gone.length) tell();
});
""".replace("COLOURS", str(comparison.COLOURS))
TO_THE_FORM = "() => document.querySelector('#start').scrollIntoView({block: 'center'})"
HINT = (
    "Tick one run to run it again with the same settings and seed, to continue or to rename it. Tick several to "
    "compare or delete them."
)
_BUTTON: dict[str, Any] = {"interactive": False, "size": "md", "min_width": 120}


class RunsTab:
    """Built where it is called. Whoever builds the page fills `listed` at each poll and after each of `mutations`:
    where it has changed, the tab asks for what is new."""

    def __init__(self, backend: Backend, train: TrainTab, tabs: gr.Tabs) -> None:
        """'Run again' fills `train`'s form and opens its tab."""
        self.backend, self.train, self.tabs = backend, train, tabs
        self._build()
        self._wire()

    # --- widgets ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        hidden: dict[str, Any] = {"visible": "hidden"}
        self.listed = gr.Textbox("", elem_id="listed", **hidden)
        self.seen = gr.Textbox("", **hidden)
        self.picked = gr.Textbox("", **hidden)
        self.order = gr.Textbox(NEWEST_FIRST, **hidden)
        self.file = gr.DownloadButton(**hidden)
        self.table = html_of(
            partial(runs_table.table_html, RunsSnapshot(), NEWEST_FIRST), js_on_load=TICKS, elem_id="runs"
        )
        with gr.Row():
            self.again = gr.Button("Run again", elem_id="runs-again", **_BUTTON)
            self.csv = gr.Button("Curves as CSV", elem_id="runs-csv", **_BUTTON)
            self.png = gr.Button("Curves as PNG", **_BUTTON)
        gr.Markdown(HINT, elem_classes="hint")
        with gr.Row(elem_classes="runs-change"):
            self.export = ExportPanel(self.backend)
        self.changes = RunChanges(self.backend, self.picked)
        with gr.Row():
            self.by = gr.Radio(X_AXES, value="epoch", label="X axis", min_width=220)
            self.smoothing = gr.Slider(
                0.0, MAX_SMOOTHING, value=0.0, step=0.1, label="Smoothing", min_width=220, buttons=[]
            )
            self.log_loss = gr.Checkbox(False, label="Logarithmic loss", elem_classes="curves-tick")
            self.error = gr.Checkbox(False, label="Error, not accuracy", elem_classes="curves-tick")
        self.zoom = gr.Textbox("", visible="hidden")  # the range that is drawn, '' for all
        with gr.Row():
            with gr.Column(scale=7, min_width=320):
                self.curves = html_of(lambda: comparison.curves_html([], ChartChoice()), elem_id="runs-curves")
            with gr.Column(scale=4, min_width=320):
                self.differences = gr.HTML(comparison.differences_html([]), elem_id="runs-differences")

    # --- wiring -----------------------------------------------------------------------------------------------

    @property
    def looks(self) -> list[Any]:
        """How the curves are wanted, as `chart_choice` takes it."""
        return [self.smoothing, self.by, self.log_loss, self.error, self.zoom]

    def _wire(self) -> None:
        quiet, acting = {**POLL_EVENT, **RAW_INPUTS}, {**ACTION_EVENT, **RAW_INPUTS}
        self.table.select(None, None, self.picked, js="() => window.pickedRuns")
        self.table.click(self.sort, self.order, self.order, api_name="sort", **quiet)
        buttons = [self.again, self.csv, self.png, *self.export.shown, *self.changes.shown]
        # By one event, which waits for its answer before it asks again: of two, the older answer could come last.
        gr.on(
            [one.change for one in (self.listed, self.order, self.picked, *self.looks)],
            self.refresh,
            [self.seen, self.order, self.picked, *self.looks],
            [self.seen, self.table, self.curves, self.differences, *buttons],
            api_name="refresh_runs",
            trigger_mode="always_last",
            **quiet,
        )
        for button, write, name in ((self.csv, self.write_csv, "csv"), (self.png, self.write_png, "png")):
            made = button.click(write, self.picked, self.file, api_name=f"runs_{name}", **acting)
            made.success(None, self.file, None, js=DOWNLOAD)
        self.export.wire(self.picked)
        form = [self.tabs, *self.train.form.shown]
        filled = self.again.click(self.run_again, self.picked, form, api_name="run_again", **acting)
        filled.success(None, js=TO_THE_FORM)
        self.mutations = self.changes.wire(self.tabs, self.train)

    # --- looking ----------------------------------------------------------------------------------------------

    def refresh(
        self, seen: str, order: str, picked: str, smoothing: float, by: str, log_loss: bool, error: bool, zoom: str,
        request: gr.Request,
    ) -> list:  # fmt: skip
        """The curves over each other, what differs, which buttons can be pressed, and the table: each where it is
        another than what this tab has `seen`."""
        snapshot = self.backend.watcher.snapshot()
        choice = chart_choice(smoothing, by, log_loss, error, zoom)
        table, ticks = checksum("table", snapshot.rows, order), checksum("ticks", picked)
        version = f"{table} {ticks} {checksum(version_of(snapshot, picked), choice)}"
        if version == seen:
            return gr.skip()
        known = seen.split(" ")
        runs = picked_runs(snapshot, picked)
        owner = self.backend.access.is_owner(request)
        drawable = any(run.view.metrics for _, run in runs)
        return [
            version,
            gr.skip() if table in known else runs_table.table_html(snapshot, order),
            comparison.curves_html(runs, choice),
            comparison.differences_html(runs),
            *(gr.Button(interactive=on) for on in (owner and len(runs) == 1, drawable, drawable)),
            *self.export.states(runs, owner),
            *self.changes.states(runs, snapshot.training, owner, anew=ticks not in known),
        ]

    def sort(self, order: str, event: gr.EventData) -> str:
        column = sent_with(event).get("column")
        if column not in list(runs_table.COLUMNS):
            raise gr.Error(t("There is no such column."), print_exception=False)
        return runs_table.next_order(order, column)

    # --- taking along -----------------------------------------------------------------------------------------

    def write_csv(self, picked: str) -> str:
        runs = [run for _, run in self._drawable(picked)]

        def write(path: Path) -> None:
            with path.open("w", encoding="utf-8", newline="") as file:
                write_csv([(s.run.id, s.title, s.run.whole_view()) for s in runs], file)

        return written(self.file, "curves.csv", write)

    def write_png(self, picked: str) -> str:
        from resnet_demo.runs.figures import save_curves  # matplotlib: when it is first asked for

        with in_language(ENGLISH):  # matplotlib's font has no Chinese
            runs = [(place, run.name, run.view) for place, run in self._drawable(picked)]
            return written(self.file, "curves.png", lambda path: save_curves(runs, path))

    def _drawable(self, picked: str) -> Picked:
        runs = [(place, run) for place, run in picked_runs(self.backend.watcher.snapshot(), picked) if run.view.metrics]
        if not runs:
            raise gr.Error(
                t("Tick a run that has logged its first points."), title=t("Nothing to draw"), print_exception=False
            )
        return runs

    # --- acting: checks by itself who asks ----------------------------------------------------------------------

    def run_again(self, picked: str, request: gr.Request) -> list:
        """Open the Train tab with the form's values as that run had them, its seed included."""
        self.backend.access.require_owner(request)
        config, form = one_picked(self.backend.watcher, picked).config, self.train.form
        if config.data not in form.sources:
            problem = t("The images of this run are not offered here: start the app with --data folder:PATH.")
            raise gr.Error(problem, title=t("Not filled in"), print_exception=False)
        filled = t("The form is filled with that run's settings, its seed included. Press Start training.")
        gr.Info(filled, duration=8)
        return [gr.Tabs(selected="train"), *form.show(config)]

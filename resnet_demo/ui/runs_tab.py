"""The Runs tab: all runs in a table; the ticked ones are compared, exported, run again, renamed, deleted."""

import json
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import gradio as gr

from resnet_demo.training.config import ConfigError, continued
from resnet_demo.training.launcher import LaunchError
from resnet_demo.training.points import write_csv
from resnet_demo.training.runs import TITLE_MAX, RunError
from resnet_demo.ui import comparison, runs_table
from resnet_demo.ui.chart import MAX_SMOOTHING
from resnet_demo.ui.curves import X_AXES, ChartChoice
from resnet_demo.ui.runs_table import NEWEST_FIRST, Picked, picked_runs
from resnet_demo.ui.train_tab import Backend, TrainTab
from resnet_demo.ui.watch import NEWEST, Look, Snapshot
from resnet_demo.ui.wiring import ACT, QUIET, UNCHECKED
from resnet_demo.ui.words import run_name, size

# The browser knows which runs are ticked: a table that comes anew in the meantime cannot untick them. Each run keeps
# its place, and so its colour and letter, while others come and go.
TICKS = """
const places = [];
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
  trigger('select', {picked: places});
});
element.addEventListener('click', (event) => {
  const head = event.target.closest('[data-sort]');
  if (head) trigger('click', {column: head.dataset.sort});
});
watch('value', () => {
  const there = new Set([...element.querySelectorAll('input[data-run]')].map((box) => box.dataset.run));
  places.forEach((run, place) => { if (!there.has(run)) places[place] = null; });
  show();
});
""".replace("COLOURS", str(comparison.COLOURS))
DOWNLOAD = """
(file) => {
  if (!file) return;
  const link = Object.assign(document.createElement('a'), {href: file.url, download: file.orig_name});
  link.click();
}
"""
HINT = (
    "Tick one run to run it again with the same settings and seed, or to rename or delete it. Tick several to compare."
)
_BUTTON = {"interactive": False, "size": "md", "min_width": 120}


class RunsTab:
    """Built where it is called; `refresh` is what the page calls when there is something new."""

    def __init__(self, backend: Backend, train: TrainTab, tabs: gr.Tabs) -> None:
        """'Run again' fills `train`'s form and opens its tab."""
        self.backend, self.train, self.tabs = backend, train, tabs
        self._build()
        self._wire()

    # --- widgets ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        hidden = {"visible": "hidden"}
        self.seen = gr.Textbox("", elem_id="runs-seen", **hidden)
        self.picked = gr.Textbox("", elem_id="runs-picked", **hidden)
        self.order = gr.Textbox(NEWEST_FIRST, elem_id="runs-order", **hidden)
        self.doomed = gr.Textbox("", elem_id="runs-doomed", **hidden)
        self.file = gr.DownloadButton(elem_id="runs-file", **hidden)
        self.table = gr.HTML(runs_table.table_html(Look(), NEWEST_FIRST), js_on_load=TICKS, elem_id="runs")
        with gr.Row(elem_classes="runs-buttons"):
            self.again = gr.Button("Run again", elem_id="runs-again", **_BUTTON)
            self.csv = gr.Button("Curves as CSV", elem_id="runs-csv", **_BUTTON)
            self.png = gr.Button("Curves as PNG", elem_id="runs-png", **_BUTTON)
        gr.Markdown(HINT, elem_classes="hint")
        self._build_changes()
        with gr.Row(elem_classes="compare-choices"):
            self.by = gr.Radio(X_AXES, value="epoch", label="Along", min_width=220, elem_id="runs-by")
            self.smoothing = gr.Slider(
                0.0, MAX_SMOOTHING, value=0.0, step=0.1, label="Smoothing of train", min_width=220, buttons=[]
            )
        self.curves = gr.HTML(comparison.curves_html([], ChartChoice()), elem_id="runs-curves")
        self.differences = gr.HTML(comparison.differences_html([]), elem_id="runs-differences")

    def _build_changes(self) -> None:
        with gr.Accordion("Rename, continue, delete", open=False):
            with gr.Row(elem_classes="runs-change"):
                self.title = gr.Textbox(
                    "", label="Title of the ticked run", max_length=TITLE_MAX, interactive=False, elem_id="runs-title"
                )
                self.rename = gr.Button("Rename", elem_id="runs-rename", **_BUTTON)
            with gr.Row(elem_classes="runs-change"):
                self.more = gr.Number(
                    8, label="Further epochs", precision=0, minimum=1, interactive=False, elem_id="runs-more"
                )
                self.go_on = gr.Button("Continue as a new run", elem_id="runs-continue", **_BUTTON)
            self.delete = gr.Button("Delete the ticked runs…", elem_id="runs-delete", **_BUTTON)
            with gr.Group(visible=False, elem_id="runs-confirm") as self.confirm:
                self.question = gr.Markdown("")
                with gr.Row():
                    self.yes = gr.Button("Delete for good", variant="stop", elem_id="runs-yes")
                    self.no = gr.Button("Keep", elem_id="runs-no")

    # --- wiring -----------------------------------------------------------------------------------------------

    @property
    def asked(self) -> list[gr.components.Component]:
        """What `refresh` is given."""
        return [self.seen, self.order, self.picked, self.by, self.smoothing]

    @property
    def shown(self) -> list[gr.components.Component]:
        """What `refresh` fills."""
        return [self.seen, self.table, *self._compared]

    @property
    def _compared(self) -> list[gr.components.Component]:
        buttons = [self.again, self.csv, self.png, self.title, self.rename, self.more, self.go_on, self.delete]
        return [self.curves, self.differences, *buttons]

    def _wire(self) -> None:
        comparing = [self.picked, self.by, self.smoothing]
        quiet = {**QUIET, **UNCHECKED}
        self.table.select(self.pick, None, self.picked, api_name="pick", trigger_mode="always_last", **quiet)
        self.table.click(self.sort, self.order, self.order, api_name="sort", **quiet)
        self.order.change(self.show_table, self.order, self.table, api_name="runs_table", **quiet)
        self.picked.change(
            self.prefill, self.picked, [self.title, self.confirm, self.doomed], api_name="prefill", **quiet
        )
        gr.on(
            [self.picked.change, self.by.change, self.smoothing.change],
            self.compare,
            comparing,
            self._compared,
            api_name="compare",
            trigger_mode="always_last",
            **quiet,
        )
        for button, write, name in ((self.csv, self.write_csv, "csv"), (self.png, self.write_png, "png")):
            made = button.click(write, self.picked, self.file, api_name=f"runs_{name}", **ACT, **UNCHECKED)
            made.success(None, self.file, None, js=DOWNLOAD)
        asked = [self.doomed, self.confirm, self.question]
        self.delete.click(self.ask, self.picked, asked, api_name="ask_delete", **quiet)
        self.no.click(self.keep, None, [self.doomed, self.confirm], api_name="keep", **quiet)
        acting = {**ACT, **UNCHECKED}
        form = [self.tabs, *self.train.form.widgets]
        self.again.click(self.run_again, self.picked, form, api_name="run_again", **acting)
        renaming = [self.title, *self.asked]
        self.rename.click(self.rename_run, renaming, self.shown, api_name="rename", **acting)
        self.title.submit(self.rename_run, renaming, self.shown, api_name="rename_typed", **acting)
        in_front = [self.tabs, self.train.chosen]
        self.go_on.click(self.continue_run, [self.more, self.picked], in_front, api_name="continue", **acting)
        deleted = [self.doomed, self.confirm, *self.shown]
        self.yes.click(self.delete_runs, [self.doomed, *self.asked], deleted, api_name="delete", **acting)

    # --- looking ----------------------------------------------------------------------------------------------

    def refresh(self, seen: str, order: str, picked: str, by: str, smoothing: float, request: gr.Request) -> list:
        """What has changed since the version that this tab shows."""
        return self._render(self.backend.watcher.look(), seen, order, picked, by, smoothing, request)

    def _render(self, look: Look, seen: str, order: str, picked: str, by, smoothing, request) -> list:
        version = _version(look, picked)
        if version == seen:
            return gr.skip()
        same_table = version.split(" ")[0] == seen.split(" ")[0]
        table = gr.skip() if same_table else runs_table.table_html(look, order)
        return [version, table, *self._compare(look, picked, by, smoothing, request)]

    def pick(self, event: gr.EventData) -> str:
        """The ticked runs, as text."""
        data = event._data if isinstance(event._data, dict) else {}
        return json.dumps(data.get("picked"))

    def sort(self, order: str, event: gr.EventData) -> str:
        data = event._data if isinstance(event._data, dict) else {}
        column = data.get("column")
        if column not in list(runs_table.COLUMNS):
            raise gr.Error("There is no such column.", print_exception=False)
        return runs_table.next_order(order, column)

    def show_table(self, order: str) -> str:
        return runs_table.table_html(self.backend.watcher.look(), order)

    def compare(self, picked: str, by: str, smoothing: float, request: gr.Request) -> list:
        """The curves over each other, what differs, and which buttons can be pressed."""
        return self._compare(self.backend.watcher.look(), picked, by, smoothing, request)

    def _compare(self, look: Look, picked: str, by: str, smoothing: float, request: gr.Request) -> list:
        runs = picked_runs(look, picked)
        try:
            choice = ChartChoice(smoothing, by)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error
        owner, one = self.backend.access.is_owner(request), len(runs) == 1
        drawable = any(run.view.metrics for _, run in runs)
        free = bool(runs) and not any(run.alive for _, run in runs)
        idle = not (look.current and look.current.alive)
        can_go_on = one and idle and runs[0][1].view.is_over and runs[0][1].view.saved is not None
        live = [owner and one, drawable, drawable]
        return [
            comparison.curves_html(runs, choice),
            comparison.differences_html(runs),
            *(gr.Button(interactive=on) for on in live),
            gr.Textbox(interactive=owner and one),
            gr.Button(interactive=owner and one),
            gr.Number(interactive=owner and can_go_on),
            gr.Button(interactive=owner and can_go_on),
            gr.Button(interactive=owner and free),
        ]

    def prefill(self, picked: str) -> list:
        """The title of the ticked run; a question about other runs is withdrawn."""
        runs = picked_runs(self.backend.watcher.look(), picked)
        return [runs[0][1].title if len(runs) == 1 else "", gr.Group(visible=False), ""]

    # --- taking along -----------------------------------------------------------------------------------------

    def write_csv(self, picked: str) -> str:
        runs = self._drawable(picked)

        def write(path: Path) -> None:
            with path.open("w", encoding="utf-8", newline="") as file:
                write_csv([(s.run.id, s.title, s.view) for s in runs], file)

        return self._written("curves.csv", write)

    def write_png(self, picked: str) -> str:
        from resnet_demo.ui.figures import save_curves  # matplotlib: when it is first asked for

        runs = [(run_name(s.run.id, s.title), s.view) for s in self._drawable(picked)]
        return self._written("curves.png", lambda path: save_curves(runs, path))

    def _drawable(self, picked: str) -> list[Snapshot]:
        runs = [run for _, run in picked_runs(self.backend.watcher.look(), picked) if run.view.metrics]
        if not runs:
            raise gr.Error(
                "Tick a run that has logged its first points.", title="Nothing to draw", print_exception=False
            )
        return runs

    def _written(self, name: str, write: Callable[[Path], None]) -> str:
        """Let `write(path)` make the file where Gradio serves downloads from, and removes them after a while."""
        cache = Path(self.file.GRADIO_CACHE)
        try:
            cache.mkdir(parents=True, exist_ok=True)
            path = Path(tempfile.mkdtemp(dir=cache)) / name
            write(path)
        except OSError as error:
            problem = f"The file could not be written ({error.strerror}). Check the disk."
            raise gr.Error(problem, title="Not exported", print_exception=False) from error
        return str(path)

    # --- acting: each checks by itself who asks ---------------------------------------------------------------

    def run_again(self, picked: str, request: gr.Request) -> list:
        """Open the Train tab with the form's values as that run had them, its seed included."""
        self.backend.access.require_owner(request)
        try:
            return [gr.Tabs(selected="train"), *self.train.form.show(self._one(picked).config)]
        except ConfigError as error:
            raise gr.Error(str(error), title="Not filled in", print_exception=False) from error

    def rename_run(self, title: str, seen: str, order: str, picked: str, by, smoothing, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        return self._act(lambda: self._one(picked).run.rename(title), order, picked, by, smoothing, request)

    def continue_run(self, epochs: int, picked: str, request: gr.Request) -> list:
        """Train on from this run's weights in a new run that names it, and show that in the Train tab."""
        self.backend.access.require_owner(request)
        parent = self._one(picked)
        _said(lambda: self.backend.launcher.start(continued(parent.config, parent.run.id, epochs)))
        return [gr.Tabs(selected="train"), gr.Dropdown(value=NEWEST)]

    def ask(self, picked: str, request: gr.Request) -> list:
        """What would be deleted, to be confirmed: these runs, whatever is ticked by then."""
        self.backend.access.require_owner(request)
        runs = [run for _, run in picked_runs(self.backend.watcher.look(), picked)]
        names = ", ".join(f"“{run_name(s.run.id, s.title)}”" for s in runs)
        question = f"Delete {names} with its checkpoints ({size(sum(s.run.size_bytes() for s in runs))})?"
        return [json.dumps([s.run.id for s in runs]), gr.Group(visible=True), question]

    def keep(self) -> list:
        return ["", gr.Group(visible=False)]

    def delete_runs(self, doomed: str, seen: str, order: str, picked: str, by, smoothing, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        runs = picked_runs(self.backend.watcher.look(), doomed)

        def delete() -> None:
            for _, run in runs:
                self.backend.store.delete(run.run)

        return ["", gr.Group(visible=False), *self._act(delete, order, picked, by, smoothing, request)]

    def _one(self, picked: str) -> Snapshot:
        """Raises gr.Error where not exactly one run is ticked."""
        runs: Picked = picked_runs(self.backend.watcher.look(now=True), picked)
        if len(runs) != 1:
            raise gr.Error("Tick exactly one run.", title="Not done", print_exception=False)
        return runs[0][1]

    def _act(self, action: Callable[[], None], order: str, picked: str, by, smoothing, request) -> list:
        """Do it and show what is true afterwards."""
        _said(action)
        return self._render(self.backend.watcher.look(now=True), "", order, picked, by, smoothing, request)


def _said(action: Callable[[], object]) -> None:
    """Do it; what goes wrong becomes one sentence."""
    try:
        action()
    except (RunError, LaunchError, ConfigError) as error:
        raise gr.Error(str(error), title="Not done", print_exception=False) from error


def _version(look: Look, picked: str) -> str:
    """Changes whenever the tab has something new to show: the table's part, and that of the picked runs' curves."""
    rows = [(s.run.id, s.title, s.status, len(s.view.epochs)) for s in look.runs]
    points = [(s.run.id, len(s.view.metrics), len(s.view.epochs)) for _, s in picked_runs(look, picked)]
    return f"{zlib.crc32(repr(rows).encode())} {zlib.crc32(repr(points).encode())}"

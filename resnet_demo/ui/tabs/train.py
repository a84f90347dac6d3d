"""The Train tab: the form, the run in front, and its curves. Here is how they hang together and what is shown of a run;
what is said of it stands in `html`, what acts on it in `run_controls`."""

from functools import partial
from typing import Any

import gradio as gr

from resnet_demo.language import current_language
from resnet_demo.runs.config import preset_config, problem_with
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.watcher import NEWEST, RunsSnapshot, Version
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html import tour
from resnet_demo.ui.html.changes import configuration_html
from resnet_demo.ui.html.pinned_card import drop_label, pinned_html
from resnet_demo.ui.html.replay import recording_of, replay_html
from resnet_demo.ui.html.run_choices import parent_choices, run_choices
from resnet_demo.ui.html.run_log import log_html
from resnet_demo.ui.html.run_sentence import announcement
from resnet_demo.ui.html.status_card import lost_html, status_html
from resnet_demo.ui.html.visitors import quota_html, visitor_html, zerogpu_html
from resnet_demo.ui.tabs.form import TrainForm, start_choices
from resnet_demo.ui.tabs.gpu_time import GpuTimePanel
from resnet_demo.ui.tabs.pinned import PinnedImagePanel
from resnet_demo.ui.tabs.planning import Planning
from resnet_demo.ui.tabs.queue import QueuePanel
from resnet_demo.ui.tabs.run_controls import RunControls
from resnet_demo.ui.tabs.run_curves import RunCurves
from resnet_demo.ui.tabs.tour import ON_TO_WHAT_IS_NEXT
from resnet_demo.ui.visitors import can_sign_in
from resnet_demo.ui.wiring import ACTION_EVENT, POLL_EVENT, RAW_INPUTS, RAW_INPUTS_OUTPUTS, html_of, script
from resnet_demo.ui.zerogpu import quota_sentence

_ANNOUNCED_S = 20  # long enough for who comes back from another tab of the page
_SET_TITLE = """html => {
    const card = new DOMParser().parseFromString(html, "text/html").querySelector("[data-title]");
    if (card) document.title = card.dataset.title;
}"""


class TrainTab:
    """Built where it is called. Whoever builds the page fills `version`, at each poll and after each of `mutations`:
    where one of its versions has changed, its part of the tab asks for what is new."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._replay: dict[str, tuple[Snapshot | None, str]] = {}  # by language the run drawn last, and its recording
        self._build()
        self._wire()

    # --- widgets ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        with gr.Row(elem_classes="train-row"):
            starters = self._build_form()
            with gr.Column(scale=7, min_width=320, elem_classes="run-column"):
                self._build_run(*starters)

    def _build_form(self) -> tuple[gr.Button, gr.Button, gr.Button]:
        """Returns the buttons that start a run, plan one, and start the tour."""
        sources = self.backend.sources
        with gr.Column(scale=3, min_width=320, elem_classes="form-column") as front, gr.Row(elem_classes="form-start"):
            start = gr.Button("Start training", variant="primary", elem_id="start", min_width=150)
            start_tour = gr.Button("Tour on digits", elem_id="tour", min_width=120)
            has_queue = self.backend.visitors is None
            plan = gr.Button("Add to the queue", elem_id="plan-run", size="sm", min_width=280, visible=has_queue)
        self.form = TrainForm(sources, preset_config("fast", data=sources[0]), front)
        with front:
            self.planning = Planning(self.backend, self.form)
            gr.Markdown(
                "The tour trains a ResNet-50 on small handwritten digits in a minute or two and explains each part. "
                "Nothing is downloaded.",
                elem_classes="hint",
            )
        return start, plan, start_tour

    def _build_run(self, start: gr.Button, plan: gr.Button, start_tour: gr.Button) -> None:
        boxes: list[Any] = [gr.Textbox("", visible="hidden", elem_id=f"{part}-version") for part in Version._fields]
        self.version: Any = Version(*boxes)
        self.seen_training = gr.Textbox("", visible="hidden")  # the id of the run that this page saw training
        self.ended = gr.Textbox("", visible="hidden", elem_id="ended")  # the run whose end is to be announced
        self.chosen = gr.Dropdown(
            run_choices(RunsSnapshot()),
            value=NEWEST,
            label="Run shown here",
            show_label=False,
            container=False,
            filterable=False,
            elem_id="run-shown",
        )
        self.replay = gr.HTML(self.recording(), elem_id="replay", js_on_load=script("replay.js"))
        self.status = html_of(partial(status_html, None), elem_id="status", js_on_load=ON_TO_WHAT_IS_NEXT)
        self.gpu_time = GpuTimePanel(self.backend) if self.backend.visitors and can_sign_in() else None
        self.controls = RunControls(self.backend, self.form, start, plan, start_tour)
        self.queue = QueuePanel(self.backend, self.form, plan)
        self.curves = RunCurves()
        self.pinned = PinnedImagePanel(self.backend)
        with gr.Accordion("Settings of this run", open=False):
            self.configuration = html_of(partial(configuration_html, None), elem_id="configuration")
        with gr.Accordion("Log", open=False):
            self.log = html_of(partial(log_html, None))

    # --- wiring -----------------------------------------------------------------------------------------------

    def _wire(self) -> None:
        self.form["preset"].input(
            self.fill, self.form.asking, self.form.shown, trigger_mode="always_last", **POLL_EVENT
        )
        self.planning.wire(self.seen_training)
        start_events, stop_events = self.controls.wire(self.chosen)
        planned = self.queue.wire(self.version.states, self.planning.prepared)
        self.mutations = [*start_events, *stop_events, *planned, *self.pinned.wire(self.controls.begun, self.chosen)]
        self._wire_looking()

    def _wire_looking(self) -> None:
        """Each part is asked for by itself: of a step that is done, a page fetches the status and nothing else."""
        self.version.status.change(
            self.show_status, self.chosen, self.status, api_name="status", **POLL_EVENT, **RAW_INPUTS_OUTPUTS
        )
        gr.on(
            [self.version.points.change, *(one.change for one in self.curves.looks)],
            self.show_points,
            [self.chosen, *self.curves.looks],
            [*self.curves.charts(self.pinned.chart), self.log, self.pinned.card],
            api_name="points",
            trigger_mode="always_last",
            **POLL_EVENT,
            **RAW_INPUTS_OUTPUTS,
        )
        lists = [self.chosen, self.form["start_from"]]
        gr.on(
            # With the choice of a run, since what is shown may be the same, and no recording of it; and after a press,
            # since what was refused changes nothing but the buttons that the press has turned off.
            [self.version.states.change, self.chosen.change, self.controls.answered.change],
            self.show_states,
            [self.seen_training, self.chosen],
            [
                self.seen_training,
                *lists,
                self.pinned.image,
                self.ended,
                self.controls.moved,
                *self.controls.buttons,
                self.replay,
                self.configuration,
            ],
            api_name="states",
            **POLL_EVENT,
            **RAW_INPUTS,
        )
        if self.gpu_time:
            self.gpu_time.wire(self.version.states, self.chosen)
        self.status.change(None, self.status, js=_SET_TITLE)
        self.ended.change(self.announce, self.ended, api_name="announce", **ACTION_EVENT)

    def lead_on(self, tabs: gr.Tabs) -> None:
        """Let the buttons that stand here after the tour lead to what is next."""
        self.controls.tour.wire(self.status, tabs)

    def fill(self, preset: str, data: str, filled: str) -> list:
        if problem := problem_with("preset", preset):
            raise gr.Error(problem, print_exception=False)
        return self.form.fill(preset, data, filled)

    # --- looking ----------------------------------------------------------------------------------------------

    def show_status(self, chosen: str, request: gr.Request) -> str:
        snapshot, shown, owner = self._seen(chosen, request)
        parent = snapshot.parent_name(shown) if shown else ""
        card = status_html(shown, owner, parent, busy=snapshot.training)
        after = tour.caption(shown, "status") + tour.next_html(shown, owner)
        return self._standing(request) + lost_html(snapshot) + card + after

    def show_points(
        self, chosen: str, smoothing: float, axis: str, log_loss: bool, error: bool, zoom: str, request: gr.Request
    ) -> list[str]:
        """The curves as the page wants them, the log and the pinned image."""
        snapshot, shown, owner = self._seen(chosen, request)
        looks = (smoothing, axis, log_loss, error, zoom)
        charts = self.curves.drawn(snapshot.version_of(shown).points, shown, *looks)
        return [*charts, log_html(shown, owner), pinned_html(shown, owner) + tour.caption(shown, "pinned")]

    def show_states(self, seen_training: str, chosen: str, request: gr.Request) -> list:
        """The lists and the buttons. `seen_training` is the run that trained when the page last asked: if it has
        ended, that is to be announced."""
        snapshot, shown, owner = self._seen(chosen, request)
        ended = snapshot.ended(seen_training)
        return [
            shown.run.id if shown and shown.status.is_live else "",
            gr.Dropdown(
                choices=run_choices(snapshot),
                **dict[str, Any]({} if snapshot.has(chosen) else {"value": NEWEST}),
            ),
            gr.Dropdown(choices=start_choices() + parent_choices(snapshot)),
            gr.Image(visible=owner, label=drop_label(shown is not None and shown.status.is_live)),
            ended.run.id if ended else "",
            gr.Dropdown(visible=owner and self.controls.may_have_moved(shown)),
            *self.controls.show_buttons(chosen, request),
            self.recording(chosen, request),
            configuration_html(shown),
        ]

    def _seen(self, chosen: str, request: gr.Request) -> tuple[RunsSnapshot, Snapshot | None, bool]:
        """The runs that this page is shown, the one in front, and whether it may be changed from there."""
        backend = self.backend.of(request)
        snapshot = backend.watcher.snapshot()
        shown = snapshot.shown(chosen)
        return snapshot, shown, backend.access.is_owner(request) and (shown is None or snapshot.is_own(shown))

    def _standing(self, request: gr.Request) -> str:
        """What who looks may do here, where they do not own everything."""
        backend, owner = self.backend.of(request), self.backend.access.is_owner(request)
        if self.backend.visitors is None:
            return visitor_html(owner)
        quota = quota_sentence(backend.store)
        return quota_html(quota) if owner else zerogpu_html(backend is not self.backend, quota)

    def recording(self, chosen: str = NEWEST, request: gr.Request | None = None) -> str:
        """What is played in place of a run while there is none of one's own; '' where there is."""
        recorded = recording_of(self.backend.of(request).watcher.snapshot(), chosen)
        if recorded is None:
            return ""
        language = current_language()
        if language not in self._replay or recorded is not self._replay[language][0]:
            self._replay[language] = (recorded, replay_html(recorded))
        return self._replay[language][1]

    def announce(self, run_id: str, request: gr.Request) -> None:
        """Said once, to a page that saw the run training; queued, for only a queued handler can raise a message."""
        snapshot, shown, owner = self._seen(run_id, request)
        if snapshot.has(run_id) and shown:
            say = {"finished": gr.Success, "stopped": gr.Info}.get(shown.status, gr.Warning)
            say(announcement(shown, owner), duration=_ANNOUNCED_S)

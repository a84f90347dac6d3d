"""The Train tab: the form, the run in front, and its curves. The handlers are short: what is said stands in `html`,
what is done in `workers.launcher`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from resnet_demo.data.known import FOLDER
from resnet_demo.language import current_language, t
from resnet_demo.runs.config import TORCHVISION, ConfigError, TrainConfig, preset_config, problem_with
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.watcher import NEWEST, RunsSnapshot, Version
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html import tour
from resnet_demo.ui.html.block_strip import strip_html
from resnet_demo.ui.html.changes import configuration_html
from resnet_demo.ui.html.chart import MAX_SMOOTHING
from resnet_demo.ui.html.curves import (
    CURVES_HINT,
    MORE_CURVES_HINT,
    X_AXES,
    ChartChoice,
    DrawnCurves,
    run_charts,
    schedule_chart,
)
from resnet_demo.ui.html.pinned_card import drop_label, pinned_html, probability_chart
from resnet_demo.ui.html.plan import download_size, plan_html, plan_placeholder, plan_problem
from resnet_demo.ui.html.replay import recording_of, replay_html
from resnet_demo.ui.html.run_buttons import controls
from resnet_demo.ui.html.run_choices import parent_choices, run_choices
from resnet_demo.ui.html.run_log import log_html
from resnet_demo.ui.html.run_sentence import announcement
from resnet_demo.ui.html.status_card import lost_html, status_html
from resnet_demo.ui.html.visitors import lent_html, lent_plan, quota_html, visitor_html
from resnet_demo.ui.tabs.discarding import Discarding
from resnet_demo.ui.tabs.form import TrainForm, device_choices, start_choices
from resnet_demo.ui.tabs.lent_training import LENT_EVENT, LentTraining
from resnet_demo.ui.tabs.pinned import PinnedImagePanel
from resnet_demo.ui.tabs.tour import ON_TO_WHAT_IS_NEXT, Tour
from resnet_demo.ui.wiring import (
    ACTION_EVENT,
    POLL_EVENT,
    RAW_INPUTS,
    RAW_INPUTS_OUTPUTS,
    chart_choice,
    choices_of,
    html_of,
    import_torch,
    script,
)
from resnet_demo.ui.zerogpu import quota_sentence

PLANNED_BY = (  # settings that the plan depends on
    "data", "epochs", "batch_size", "arch", "stem", "train_images", "test_images", "validation_images", "device",
    "precision", "compile", "threads", "processes", "learning_rate", "schedule", "warmup", "start_from",
)  # fmt: skip
# What acts on a run acts on the one that this page shows: what is newest may have changed since.
# The plan that stands there is another form's until the new one has come.
_PLANNING = "(...values) => { document.querySelector('#plan')?.classList.add('planning'); return values; }"
_PLANNED = "() => { document.querySelector('#plan')?.classList.remove('planning'); }"
SHOWN_RUN = """() => document.querySelector("#status .run-card").dataset.run || "" """
RESUMED_RUN = """(chosen, moved) => [document.querySelector("#status .run-card").dataset.run || "", moved]"""
_RUN_BUTTON: dict[str, Any] = {"interactive": False, "size": "md", "min_width": 130}  # on a phone two in a row
_ANNOUNCED_S = 20  # long enough for who comes back from another tab of the page
_TO_THE_RUN = """() => document.querySelector("#status").scrollIntoView({
    block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" })"""
_SET_TITLE = """html => {
    const card = new DOMParser().parseFromString(html, "text/html").querySelector("[data-title]");
    if (card) document.title = card.dataset.title;
}"""


class TrainTab:
    """Built where it is called. Whoever builds the page fills `version`, at each poll and after each of `mutations`:
    where one of its versions has changed, its part of the tab asks for what is new."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._curves = DrawnCurves(_all_charts)
        self._replay: dict[str, tuple[Snapshot | None, str]] = {}  # by language the run drawn last, and its recording
        self._build()
        self._wire()

    # --- widgets ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        with gr.Row(elem_classes="train-row"):
            self._build_form()
            with gr.Column(scale=7, min_width=320, elem_classes="run-column"):
                self._build_run()

    def _build_form(self) -> None:
        sources = self.backend.sources
        with gr.Column(scale=3, min_width=320, elem_classes="form-column") as front, gr.Row(elem_classes="form-start"):
            self.start = gr.Button("Start training", variant="primary", elem_id="start", min_width=150)
            self.tour = gr.Button("Tour on digits", elem_id="tour", min_width=120)
        self.form = TrainForm(sources, preset_config("fast", data=sources[0]), front)
        self._tour = Tour(self.backend, self.form)
        self.prepared = gr.Textbox("", visible="hidden")  # set once torch is there and the form stands
        with front:
            self.plan = html_of(plan_placeholder, elem_id="plan")
            gr.Markdown(
                "The tour trains the same network on handwritten digits: everything moves, nothing is downloaded.",
                elem_classes="hint",
            )

    def _build_run(self) -> None:
        boxes: list[Any] = [gr.Textbox("", visible="hidden", elem_id=f"{part}-version") for part in Version._fields]
        self.version: Any = Version(*boxes)
        self.seen_training = gr.Textbox("", visible="hidden")  # the id of the run that this page saw training
        self.answered = gr.Textbox("", visible="hidden")  # when a start was last obeyed or refused
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
        with gr.Row():
            self.pause = gr.Button("Pause", elem_id="pause", **_RUN_BUTTON)
            self.resume = gr.Button("Resume", elem_id="resume", **_RUN_BUTTON)
            self.stop = gr.Button("Finish now", elem_id="stop", **_RUN_BUTTON)
            self.discard = gr.Button("Delete run", elem_id="discard", **_RUN_BUTTON)
        self.discarding = Discarding(self.backend)
        self.moved = choices_of(
            lambda: self.form.folder_choices,
            value="",
            label="Its folder of images is gone. If it has moved, choose its new place, then press Resume",
            visible=False,
            filterable=False,
            elem_id="moved",
        )
        self._build_curves()
        self.pinned = PinnedImagePanel(self.backend)
        with gr.Accordion("Settings of this run", open=False):
            self.configuration = html_of(partial(configuration_html, None), elem_id="configuration")
        with gr.Accordion("Log", open=False):
            self.log = html_of(partial(log_html, None))

    def _build_curves(self) -> None:
        loss, accuracy, learning_rate, speed, gradient = (partial(_empty_chart, at) for at in range(5))
        with gr.Row():
            with gr.Column(min_width=300):
                self.loss = html_of(loss, elem_id="loss-chart")
            with gr.Column(min_width=300):
                self.accuracy = html_of(accuracy, elem_id="accuracy-chart")
        gr.Markdown(CURVES_HINT, elem_classes="hint")
        with gr.Accordion("More curves, smoothing, steps or time", open=False):
            with gr.Row():
                self.axis = gr.Radio(X_AXES, value="epoch", label="X axis", scale=5, elem_id="curves-axis")
                self.smoothing = gr.Slider(0, MAX_SMOOTHING, value=0, step=0.1, label="Smoothing", scale=4)
                self.log_loss = gr.Checkbox(False, label="Logarithmic loss", elem_classes="curves-log")
            self.zoom = gr.Textbox("", visible="hidden")  # the range that is drawn, '' for all
            with gr.Row():
                with gr.Column(min_width=300):
                    self.learning_rate = html_of(learning_rate)
                with gr.Column(min_width=300):
                    self.gradient = html_of(gradient)
            with gr.Row():
                with gr.Column(min_width=300):
                    self.speed = html_of(speed)
                with gr.Column(min_width=300):
                    gr.Markdown(MORE_CURVES_HINT, elem_classes="hint")
        with gr.Accordion("What the blocks do while it trains", open=False):
            self.blocks = html_of(partial(strip_html, None), elem_id="block-strips")

    # --- wiring -----------------------------------------------------------------------------------------------

    @property
    def charts(self) -> list[gr.HTML]:
        """In the order of `_all_charts`."""
        return [self.loss, self.accuracy, self.learning_rate, self.speed, self.gradient, self.pinned.chart, self.blocks]

    @property
    def looks(self) -> list[Any]:
        """How the curves are wanted, as `chart_choice` takes it."""
        return [self.smoothing, self.axis, self.log_loss, self.zoom]

    def _wire(self) -> None:
        self.form["preset"].input(
            self.fill, self.form.asking, self.form.shown, trigger_mode="always_last", **POLL_EVENT
        )
        gr.on(
            # After a run's end, too: by then data and speed are known.
            [*(self.form[name].change for name in PLANNED_BY), self.prepared.change, self.ended.change],
            self.plan_text,
            self.form.widgets,
            [self.plan, self.form.schedule],
            trigger_mode="always_last",
            js=_PLANNING,
            **POLL_EVENT,
        ).then(None, js=_PLANNED)
        acting, in_front = {**ACTION_EVENT, **RAW_INPUTS}, self.chosen
        start, tour, resume, starting = self._starters()
        start_events = [
            self.start.click(
                start,
                self.form.widgets,
                in_front,
                api_name="start",
                **ACTION_EVENT,
                **starting,
            ),
            self.tour.click(tour, None, [in_front, *self.form.shown], api_name="tour", **ACTION_EVENT, **starting),
            self.resume.click(
                resume,
                [self.chosen, self.moved],
                in_front,
                api_name="resume",
                js=RESUMED_RUN,
                **acting,
                **starting,
            ),
        ]
        stop_events = [
            self.pause.click(self.pause_run, self.chosen, None, api_name="pause", js=SHOWN_RUN, **acting),
            self.stop.click(self.stop_run, self.chosen, None, api_name="stop", js=SHOWN_RUN, **acting),
            self.discarding.wire(self.discard, self.chosen, SHOWN_RUN),
        ]
        # Off from the press on, and as they should be once it is known what came of it.
        starters = [self.start, self.tour, self.resume]
        gr.on([one.click for one in starters], lambda: [gr.Button(interactive=False)] * 3, None, starters, **POLL_EVENT)
        for event in start_events:
            for came in (event.success, event.failure):  # Gradio's `then` is not run after a failure
                came(None, None, self.answered, js="() => String(Date.now())")
            event.success(None, js=_TO_THE_RUN)
        self.mutations = [*start_events, *stop_events, *self.pinned.wire(start_events, self.chosen)]
        self._wire_looking()

    def _starters(self) -> tuple[Callable, Callable, Callable, dict[str, Any]]:
        """The handlers of Start, the tour and Resume, and how they are queued."""
        if self.backend.visitors is None:
            return self.start_run, self._tour.start, self.resume_run, {}
        lent = LentTraining(self.backend, self.backend.visitors, self.form)
        return lent.start, lent.tour, lent.resume, LENT_EVENT

    def _wire_looking(self) -> None:
        """Each part is asked for by itself: of a step that is done, a page fetches the status and nothing else."""
        self.version.status.change(
            self.show_status, self.chosen, self.status, api_name="status", **POLL_EVENT, **RAW_INPUTS_OUTPUTS
        )
        gr.on(
            [self.version.points.change, *(one.change for one in self.looks)],
            self.show_points,
            [self.chosen, *self.looks],
            [*self.charts, self.log, self.pinned.card],
            api_name="points",
            trigger_mode="always_last",
            **POLL_EVENT,
            **RAW_INPUTS_OUTPUTS,
        )
        lists = [self.chosen, self.form["start_from"]]
        gr.on(
            # With the choice of a run, since what is shown may be the same, and no recording of it; and after a press,
            # since what was refused changes nothing but the buttons that the press has turned off.
            [self.version.states.change, self.chosen.change, self.answered.change],
            self.show_states,
            [self.seen_training, self.chosen],
            [
                self.seen_training,
                *lists,
                self.pinned.image,
                self.ended,
                self.moved,
                *self._buttons,
                self.replay,
                self.configuration,
            ],
            api_name="states",
            **POLL_EVENT,
            **RAW_INPUTS,
        )
        self.status.change(None, self.status, js=_SET_TITLE)
        self.ended.change(self.announce, self.ended, api_name="announce", **ACTION_EVENT)

    def lead_on(self, tabs: gr.Tabs) -> None:
        """Let the buttons that stand here after the tour lead to what is next."""
        self._tour.wire(self.status, tabs)

    # --- looking ----------------------------------------------------------------------------------------------

    def show_status(self, chosen: str, request: gr.Request) -> str:
        snapshot, shown, owner = self._seen(chosen, request)
        parent = snapshot.parent_name(shown) if shown else ""
        card = status_html(shown, owner, parent, busy=snapshot.training)
        after = tour.caption(shown, "status") + tour.next_html(shown, owner)
        return self._standing(request) + lost_html(snapshot) + card + after

    def show_points(
        self, chosen: str, smoothing: float, axis: str, log_loss: bool, zoom: str, request: gr.Request
    ) -> list[str]:
        """The curves as the page wants them, the log and the pinned image."""
        snapshot, shown, owner = self._seen(chosen, request)
        charts = self._curves.of(
            snapshot.version_of(shown).points, shown, chart_choice(smoothing, axis, log_loss, zoom)
        )
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
            gr.Dropdown(visible=owner and self._may_have_moved(shown)),
            *self.show_buttons(chosen, request),
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
        return quota_html(quota) if owner else lent_html(backend is not self.backend, quota)

    def recording(self, chosen: str = NEWEST, request: gr.Request | None = None) -> str:
        """What is played in place of a run while there is none of one's own; '' where there is."""
        recorded = recording_of(self.backend.of(request).watcher.snapshot(), chosen)
        if recorded is None:
            return ""
        language = current_language()
        if language not in self._replay or recorded is not self._replay[language][0]:
            self._replay[language] = (recorded, replay_html(recorded))
        return self._replay[language][1]

    def _may_have_moved(self, shown: Snapshot | None) -> bool:
        """Whether the run could go on if its images were found, and there are folders to look in."""
        if shown is None or not shown.can_resume or shown.alive or not shown.config.data.startswith(FOLDER):
            return False
        return len(self.form.folder_choices) > 1 and not Path(shown.config.data.removeprefix(FOLDER)).is_dir()

    @property
    def _buttons(self) -> list[gr.Button]:
        """In the order of `show_buttons`."""
        return [self.start, self.tour, self.pause, self.resume, self.stop, self.discard]

    def show_buttons(self, chosen: str, request: gr.Request) -> list[gr.Button]:
        """Which can be pressed."""
        backend = self.backend.of(request)
        snapshot = backend.watcher.snapshot()
        can = controls(snapshot, snapshot.shown(chosen), backend.access.is_owner(request))
        live = (can.start, can.start, can.pause, can.resume, can.stop, can.discard)
        return [gr.Button(interactive=on) for on in live]

    def announce(self, run_id: str, request: gr.Request) -> None:
        """Said once, to a page that saw the run training; queued, for only a queued handler can raise a message."""
        snapshot, shown, owner = self._seen(run_id, request)
        if snapshot.has(run_id) and shown:
            say = {"finished": gr.Success, "stopped": gr.Info}.get(shown.status, gr.Warning)
            say(announcement(shown, owner), duration=_ANNOUNCED_S)

    def fill(self, preset: str, data: str, filled: str) -> list:
        if problem := problem_with("preset", preset):
            raise gr.Error(problem, print_exception=False)
        return self.form.fill(preset, data, filled)

    def prepare(self) -> gr.Dropdown:
        """The devices that a run can have here: known once torch is there, seconds after the first paint."""
        if self.backend.visitors:
            return gr.Dropdown(choices=device_choices(["cuda"]))
        import_torch()
        from resnet_demo.training.device import available_devices

        return gr.Dropdown(choices=device_choices(available_devices()))

    def begin_with(self, *values) -> list:
        """Where nobody has touched the form until now and there is a GPU, it becomes that machine's first choice.
        Whichever it is, it can be planned from now on."""
        first = self._first_choice()
        if first is None or not self.form.is_untouched(values):
            return [*self.form.told_by(values), "yes"]
        return [*self.form.show(first), "yes"]

    def _first_choice(self) -> TrainConfig | None:
        """`accurate` on all GPUs, and what fits into a few minutes on one that is lent. None on a CPU, for which the
        form stands already."""
        data = self.backend.sources[0]
        if self.backend.visitors:
            return preset_config("minute", data=data)
        from resnet_demo.training.device import choose_device, count_gpus

        if choose_device().device.type == "cpu":
            return None
        return preset_config("accurate", data=data, processes=max(1, count_gpus()))

    def plan_text(self, *values) -> tuple[str, str]:
        """The device, why, how long it will take, what will be downloaded first, and the learning rate's course."""
        try:
            return self._plan(self.form.config(values))
        except ConfigError as error:
            return plan_problem(error), schedule_chart()

    def _plan(self, config: TrainConfig) -> tuple[str, str]:
        if self.backend.visitors:  # the GPU that PyTorch names here is not there
            return lent_plan(self._downloads(config)), schedule_chart()
        import_torch()
        from resnet_demo.training.device import DeviceError, choose_device
        from resnet_demo.workers.estimate import estimate

        try:
            choice = choose_device(config.device, config.precision, config.threads, config.processes)
        except DeviceError as error:
            return plan_problem(error), schedule_chart()
        guess = estimate(config, self.backend.watcher.snapshot().runs, choice, self.backend.data_dir)
        plan = plan_html(choice.reason, guess, self._downloads(config))
        return plan, schedule_chart(config, guess.steps_per_epoch)

    def _downloads(self, config: TrainConfig) -> dict[str, int]:
        """Bytes that Start will fetch first, 0 where they are there."""
        sizes = {"CIFAR-10": download_size(config, self.backend.data_dir)}
        if config.start_from == TORCHVISION:  # only then: importing torchvision takes seconds
            from resnet_demo.training.first_weights import weights_to_fetch

            sizes[t("torchvision's weights")] = weights_to_fetch(config.arch, self.backend.data_dir)
        return sizes

    # --- acting: each checks by itself who asks ---------------------------------------------------------------

    def start_run(self, request: gr.Request, *values) -> str:
        self.backend.access.require_owner(request)
        return self._act(lambda: self.backend.launcher.start(self.form.config(values)))

    def pause_run(self, run_id: str, request: gr.Request) -> None:
        """Here and in the next two `run_id` is what SHOWN_RUN returned."""
        backend = self.backend.of(request)
        backend.access.require_owner(request)
        backend.act(lambda: backend.launcher.pause(backend.store.get_own(run_id)))

    def stop_run(self, run_id: str, request: gr.Request) -> None:
        backend = self.backend.of(request)
        backend.access.require_owner(request)
        backend.act(lambda: backend.launcher.stop(backend.store.get_own(run_id)))

    def resume_run(self, run_id: str, moved: str, request: gr.Request) -> str:
        """`moved` is what the page calls the folder in which the run's images are by now, '' for where they were."""
        self.backend.access.require_owner(request)
        moved_to = self.form.source(moved) if moved else ""
        return self._act(lambda: self.backend.launcher.resume(self.backend.store.get_own(run_id), moved_to))

    def _act(self, action) -> str:
        """Do it and choose the run in front; what goes wrong becomes one sentence."""
        self.backend.act(action)
        return NEWEST


def _empty_chart(at: int) -> str:
    return run_charts(None)[at]


def _all_charts(shown: Snapshot | None, choice: ChartChoice) -> tuple[str, ...]:
    loss, accuracy, *others = run_charts(shown, choice)
    told = loss + tour.caption(shown, "loss"), accuracy + tour.caption(shown, "accuracy")
    return (*told, *others, probability_chart(shown, choice), strip_html(shown))

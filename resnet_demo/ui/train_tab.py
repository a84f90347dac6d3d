"""The Train tab: the form, the run in front, and its curves. The handlers are short: what is said stands in
`present`, what is done in `training.launcher`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from resnet_demo.training.config import ConfigError, preset_config, problem_with
from resnet_demo.training.launcher import Launcher, LaunchError
from resnet_demo.training.runs import RunError, RunStore
from resnet_demo.ui import present
from resnet_demo.ui.access import Access
from resnet_demo.ui.curves import run_charts
from resnet_demo.ui.form import FIELDS, START_CHOICES, TrainForm
from resnet_demo.ui.watch import NEWEST, Look, Snapshot, Watcher, changed_parts
from resnet_demo.ui.wiring import ACT, QUIET, UNCHECKED

PLANNED_BY = (  # settings that the plan depends on
    "data", "epochs", "batch_size", "arch", "stem", "train_images", "test_images", "validation_images", "device",
    "precision", "threads",
)  # fmt: skip
_RUN_BUTTON = {"interactive": False, "size": "md", "min_width": 90}


@dataclass(frozen=True)
class Backend:
    """What the page stands on: the runs, who watches them, who acts on them, and who may."""

    store: RunStore
    data_dir: Path
    sources: tuple[str, ...]
    launcher: Launcher
    watcher: Watcher
    access: Access


class TrainTab:
    """Built where it is called; `refresh` is what the page calls when there is something new."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._drawn: tuple[str, tuple[str, str]] = ("", ("", ""))  # the plots' version, and the plots
        self._build()
        self._wire()

    # --- widgets ----------------------------------------------------------------------------------------------

    def _build(self) -> None:
        with gr.Row(elem_classes="train-row"):
            with gr.Column(scale=3, min_width=320, elem_classes="form-column"):
                self._build_form()
            with gr.Column(scale=7, min_width=320, elem_classes="run-column"):
                self._build_run()
        self.chosen = gr.Dropdown(
            present.run_choices(Look()), value=NEWEST, label="Run shown above", filterable=False, elem_id="chosen-run"
        )

    def _build_form(self) -> None:
        sources = self.backend.sources
        self.form = TrainForm(sources, preset_config("fast", data=sources[0]))
        self.plan = gr.HTML(present.plan_placeholder(), elem_id="plan")
        self.start = gr.Button("Start training", variant="primary", elem_id="start")
        self.tour = gr.Button("One-minute tour", elem_id="tour")
        gr.Markdown(
            "The tour trains the same network on handwritten digits: everything moves, nothing is downloaded.",
            elem_classes="hint",
        )

    def _build_run(self) -> None:
        self.seen = gr.Textbox("", visible="hidden", elem_id="seen")
        self.status = gr.HTML(present.status_html(None), elem_id="status")
        with gr.Row(elem_classes="run-buttons"):
            self.pause = gr.Button("Pause", elem_id="pause", **_RUN_BUTTON)
            self.resume = gr.Button("Resume", elem_id="resume", **_RUN_BUTTON)
            self.stop = gr.Button("Stop and save", variant="stop", elem_id="stop", **_RUN_BUTTON)
        loss, accuracy, *_ = run_charts(None)
        with gr.Row():
            with gr.Column(min_width=300):
                self.loss = gr.HTML(loss, elem_id="loss-chart")
            with gr.Column(min_width=300):
                self.accuracy = gr.HTML(accuracy, elem_id="accuracy-chart")
        gr.Markdown(present.CURVES_HINT, elem_classes="hint")
        with gr.Accordion("Log", open=False):
            self.log = gr.Textbox(
                present.log_text(None), lines=8, max_lines=8, show_label=False, container=False, elem_id="log"
            )

    # --- wiring -----------------------------------------------------------------------------------------------

    @property
    def shown(self) -> list[gr.components.Component]:
        """What `refresh` fills."""
        buttons = [self.start, self.tour, self.pause, self.resume, self.stop]
        lists = [self.chosen, self.form["start_from"]]
        return [self.seen, self.status, self.loss, self.accuracy, self.log, *lists, *buttons]

    def _wire(self) -> None:
        form = self.form.widgets
        preset = self.form["preset"]
        preset.input(self.fill, [preset, self.form["data"]], form, **QUIET).then(
            self.plan_text, form, self.plan, **QUIET
        )
        gr.on(
            [self.form[name].change for name in PLANNED_BY],
            self.plan_text,
            form,
            self.plan,
            trigger_mode="always_last",
            **QUIET,
        )
        self.start.click(self.start_run, form, self.shown, validator=self.form.validate, api_name="start", **ACT)
        self.tour.click(self.start_tour, None, self.shown, api_name="tour", **ACT)
        self.pause.click(self.pause_run, None, self.shown, api_name="pause", **ACT)
        self.resume.click(self.resume_run, self.chosen, self.shown, api_name="resume", **ACT, **UNCHECKED)
        self.chosen.input(self.refresh, [self.seen, self.chosen], self.shown, api_name="choose", **QUIET, **UNCHECKED)
        self.stop.click(self.stop_run, None, self.shown, api_name="stop", **ACT)

    # --- looking ----------------------------------------------------------------------------------------------

    def refresh(self, seen: str, chosen: str, request: gr.Request) -> list:
        """What has changed since the version that this tab shows."""
        look = self.backend.watcher.look()
        shown = look.shown(chosen)
        if seen == look.version_of(shown):
            return gr.skip()
        return self._render(look, shown, seen, self.backend.access.is_owner(request))

    def _render(self, look: Look, shown: Snapshot | None, seen: str, owner: bool) -> list:
        version = look.version_of(shown)
        changed = changed_parts(seen, version)
        points, states = [gr.skip()] * 3, [gr.skip()] * 7
        if changed.points or changed.states:
            points = [*self._charts(version, shown), present.log_text(shown, owner)]
        if changed.states:
            states = self._states(look, shown, owner)
        return [version, present.status_html(shown, owner), *points, *states]

    def _charts(self, version: str, shown: Snapshot | None) -> tuple[str, str]:
        """Drawn once for all pages: they mostly show the same run."""
        key = version.split(" ")[0]
        if self._drawn[0] != key:
            self._drawn = (key, run_charts(shown)[:2])
        return self._drawn[1]

    def _states(self, look: Look, shown: Snapshot | None, owner: bool) -> list:
        can = present.controls(look, shown, owner)
        live = (can.start, can.start, can.pause, can.resume, can.stop)
        return [
            gr.Dropdown(choices=present.run_choices(look)),
            gr.Dropdown(choices=START_CHOICES + present.parent_choices(look)),
            *(gr.Button(interactive=on) for on in live),
        ]

    def fill(self, preset: str, data: str) -> list:
        if problem := problem_with("preset", preset):
            raise gr.Error(problem, print_exception=False)
        return self.form.fill(preset, data)

    def prepare(self) -> list:
        """The form and its plan as this machine's first choice: `accurate` where there is a GPU. On a CPU the form
        stands at `fast` already, and what somebody has typed meanwhile stays."""
        from resnet_demo.training.device import choose_device  # torch: after the first paint

        preset = "fast" if choose_device().device.type == "cpu" else "accurate"
        data = self.backend.sources[0]
        filled = [gr.skip()] * len(FIELDS) if preset == "fast" else self.form.fill(preset, data)
        return [*filled, self.plan_text(*preset_config(preset, data=data).to_dict().values())]

    def plan_text(self, *values) -> str:
        """The device, why, how long it will take, and what will be downloaded first."""
        from resnet_demo.training.device import DeviceError, choose_device
        from resnet_demo.training.estimate import estimate

        try:
            config = self.form.config(values)
            choice = choose_device(config.device, config.precision, config.threads)
        except (ConfigError, DeviceError) as error:
            return present.plan_problem(error)
        guess = estimate(config, self.backend.store, choice)
        return present.plan_html(config, choice.reason, guess, present.download_size(config, self.backend.data_dir))

    # --- acting: each checks by itself who asks ---------------------------------------------------------------

    def start_run(self, request: gr.Request, *values) -> list:
        self.backend.access.require_owner(request)
        return self._act(lambda: self.backend.launcher.start(self.form.config(values)))

    def start_tour(self, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        return self._act(lambda: self.backend.launcher.start(preset_config("tour")))

    def pause_run(self, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        return self._act(self.backend.launcher.pause)

    def stop_run(self, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        return self._act(self.backend.launcher.stop)

    def resume_run(self, chosen: str, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        shown = self.backend.watcher.look(now=True).shown(chosen)
        if shown is None:
            raise gr.Error("There is no run to resume.", print_exception=False)
        return self._act(lambda: self.backend.launcher.resume(shown.run))

    def _act(self, action) -> list:
        """Do it and show what is true afterwards, the run in front; what goes wrong becomes one sentence."""
        try:
            action()
        except (LaunchError, RunError, ConfigError) as error:
            raise gr.Error(str(error), title="Not done", print_exception=False) from error
        except OSError as error:
            problem = f"A file could not be written or a process not started ({error.strerror}). Check the disk."
            raise gr.Error(problem, title="Not done", print_exception=False) from error
        look = self.backend.watcher.look(now=True)
        shown = self._render(look, look.current, "", owner=True)
        shown[self.shown.index(self.chosen)] = gr.Dropdown(choices=present.run_choices(look), value=NEWEST)
        return shown


def default_sources(folders: Sequence[str]) -> tuple[str, ...]:
    """What the page offers: the folders that the app was started with first, then what everyone has."""
    return (*folders, "cifar10", "digits")

"""The buttons of the Train tab that start a run, and those that act on the run in front. Each handler checks by itself
who asks."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from resnet_demo.data.known import FOLDER
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.run_buttons import controls
from resnet_demo.ui.tabs.discarding import Discarding
from resnet_demo.ui.tabs.form import TrainForm
from resnet_demo.ui.tabs.tour import Tour
from resnet_demo.ui.tabs.zerogpu_training import ZEROGPU_EVENT, ZeroGpuTraining
from resnet_demo.ui.wiring import ACTION_EVENT, POLL_EVENT, RAW_INPUTS, begun_run, choices_of

# What acts on a run acts on the one that this page shows: what is newest may have changed since.
SHOWN_RUN = """() => document.querySelector("#status .run-card").dataset.run || "" """
RESUMED_RUN = """(chosen, moved) => [document.querySelector("#status .run-card").dataset.run || "", moved]"""
_RUN_BUTTON: dict[str, Any] = {"interactive": False, "size": "md", "min_width": 130}  # on a phone two in a row
_TO_THE_RUN = """() => {
    document.dispatchEvent(new Event("obeyed")); // `busy.js`: where a GPU is lent the call lasts as long as the run
    document.querySelector("#status").scrollIntoView({
        block: "start", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}"""


class RunControls:
    """The buttons under a run's card are built where this is called; those that start one stand over the form."""

    def __init__(
        self, backend: Backend, form: TrainForm, start: gr.Button, plan: gr.Button, start_tour: gr.Button
    ) -> None:
        self.backend, self.form = backend, form
        self.start, self.plan, self.start_tour = start, plan, start_tour
        self.tour = Tour(backend, form)
        self.answered = gr.Textbox("", visible="hidden")  # when a start was last obeyed or refused
        self.begun = gr.Textbox("", visible="hidden")  # changes when a press on this page has begun a run
        with gr.Row():
            self.pause = gr.Button("Pause", elem_id="pause", **_RUN_BUTTON)
            self.resume = gr.Button("Resume", elem_id="resume", **_RUN_BUTTON)
            self.stop = gr.Button("Stop and save", elem_id="stop", **_RUN_BUTTON)
            self.discard = gr.Button("Delete run", elem_id="discard", **_RUN_BUTTON)
        self.discarding = Discarding(backend)
        self.moved = choices_of(
            lambda: form.folder_choices,
            value="",
            label="Its folder of images is gone. If it has moved, choose its new place, then press Resume",
            visible=False,
            filterable=False,
            elem_id="moved",
        )

    def wire(self, chosen: gr.Dropdown) -> tuple[list[gr.events.Dependency], list[gr.events.Dependency]]:
        """`chosen` says which run the page shows. Returns the events after which a run trains, and those after which
        one does not any more."""
        # Off from the press on, and as they should be once it is known what came of it. Wired first, since Gradio runs
        # what is wired to one click one after the other.
        starters = [self.start, self.start_tour, self.resume]
        gr.on([one.click for one in starters], lambda: [gr.Button(interactive=False)] * 3, None, starters, **POLL_EVENT)
        start_events = self._wire_starters(chosen)
        acting: dict[str, Any] = {**ACTION_EVENT, **RAW_INPUTS}
        stop_events = [
            self.pause.click(self.pause_run, chosen, None, api_name="pause", js=SHOWN_RUN, **acting),
            self.stop.click(self.stop_run, chosen, None, api_name="stop", js=SHOWN_RUN, **acting),
            self.discarding.wire(self.discard, chosen, SHOWN_RUN),
        ]
        for event in start_events:
            for came in (event.success, event.failure):  # Gradio's `then` is not run after a failure
                came(None, None, self.answered, js="() => String(Date.now())")
        self.begun.change(None, js=_TO_THE_RUN)
        return start_events, stop_events

    def _wire_starters(self, chosen: gr.Dropdown) -> list[gr.events.Dependency]:
        start, tour, resume, queued = self._starters()
        starting: dict[str, Any] = {**ACTION_EVENT, **queued}
        begun = [chosen, self.begun]
        return [
            self.start.click(start, self.form.widgets, begun, api_name="start", **starting),
            self.start_tour.click(tour, None, [*begun, *self.form.shown], api_name="tour", **starting),
            self.resume.click(
                resume, [chosen, self.moved], begun, api_name="resume", js=RESUMED_RUN, **starting, **RAW_INPUTS
            ),
        ]

    def _starters(self) -> tuple[Callable, Callable, Callable, dict[str, Any]]:
        """The handlers of Start, the tour and Resume, and how they are queued."""
        if self.backend.visitors is None:
            return self.start_run, self.tour.start, self.resume_run, {}
        training = ZeroGpuTraining(self.backend, self.backend.visitors, self.form)
        return training.start, training.tour, training.resume, ZEROGPU_EVENT

    # --- looking ----------------------------------------------------------------------------------------------

    @property
    def buttons(self) -> list[gr.Button]:
        """In the order of `show_buttons`."""
        acting = [self.start, self.start_tour, self.pause, self.resume, self.stop, self.discard]
        return acting if self.backend.visitors else [*acting, self.plan]

    def show_buttons(self, chosen: str, request: gr.Request) -> list[gr.Button]:
        """Which can be pressed."""
        backend = self.backend.of(request)
        snapshot = backend.watcher.snapshot()
        owner = backend.access.is_owner(request)
        can = controls(snapshot, snapshot.shown(chosen), owner)
        live = [can.start, can.start, can.pause, can.resume, can.stop, can.discard]
        if not self.backend.visitors:
            live.append(owner)
        return [gr.Button(interactive=on) for on in live]

    def may_have_moved(self, shown: Snapshot | None) -> bool:
        """Whether the run could go on if its images were found, and there are folders to look in."""
        if shown is None or not shown.can_resume or shown.alive or not shown.config.data.startswith(FOLDER):
            return False
        return len(self.form.folder_choices) > 1 and not Path(shown.config.data.removeprefix(FOLDER)).is_dir()

    # --- acting -----------------------------------------------------------------------------------------------

    def start_run(self, request: gr.Request, *values) -> list[str]:
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

    def resume_run(self, run_id: str, moved: str, request: gr.Request) -> list[str]:
        """`moved` is what the page calls the folder in which the run's images are by now, '' for where they were."""
        self.backend.access.require_owner(request)
        moved_to = self.form.source(moved) if moved else ""
        return self._act(lambda: self.backend.launcher.resume(self.backend.store.get_own(run_id), moved_to))

    def _act(self, action) -> list[str]:
        """Do it and choose the run in front; what goes wrong becomes one sentence."""
        self.backend.act(action)
        return begun_run()

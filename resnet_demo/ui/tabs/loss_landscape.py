"""The part of the Architecture tab that measures the loss around a checkpoint, beside another one's.

Torch is imported by the job, never by this module.
"""

from typing import Any

import gradio as gr

from resnet_demo.inference.evaluation_jobs import LANDSCAPE
from resnet_demo.language import t
from resnet_demo.models.catalog import ARCHITECTURES
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.directory import RunDirectory, RunError
from resnet_demo.runs.measured import LossLandscape
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.text import name_of
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.evaluation import job_html
from resnet_demo.ui.html.loss_landscape import landscape_html, lead_html
from resnet_demo.ui.tabs.checkpoint_choice import checkpoint_dropdown, chosen_by_now, refreshed
from resnet_demo.ui.wiring import ACTION_EVENT, POLL_EVENT, RAW_INPUTS, html_of

TICK_S = 1.0  # while it is measured
Checkpoint = tuple[RunDirectory, ModelInfo, LossLandscape | None]  # and what was measured of it


class LossLandscapePanel:
    """Built where it is called; then call `wire`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        html_of(lead_html, elem_classes="arch-html")
        with gr.Row():
            self.run = checkpoint_dropdown(backend.store, elem_id="landscape-run", min_width=300)
            self.other = checkpoint_dropdown(
                backend.store, optional=True, label="Compare with", elem_id="landscape-other", min_width=300
            )
        if pair := first_pair(backend.store):
            self.run.value, self.other.value = pair
        with gr.Row():
            self.measure = gr.Button(
                "Measure the loss around it", size="md", min_width=150, elem_id="landscape-measure"
            )
            self.cancel = gr.Button("Cancel", size="md", min_width=100, interactive=False, elem_id="landscape-cancel")
        self.job = gr.HTML("", elem_id="landscape-job")
        self.drawn = gr.HTML('<div class="landscape-space"></div>', elem_id="landscape-drawn")
        self.timer = gr.Timer(TICK_S, active=False)

    def wire(self, checkpoints: gr.Textbox, measuring: gr.Textbox) -> None:
        """`checkpoints` changes whenever a checkpoint has come, been replaced or gone, `measuring` when a job has begun
        or ended, here or on another page."""
        chosen, jobs = [self.run, self.other], [self.job, self.measure, self.cancel, self.timer]
        quiet, acting = {**POLL_EVENT, **RAW_INPUTS}, {**ACTION_EVENT, **RAW_INPUTS}
        checkpoints.change(
            self.refresh, chosen, chosen, js=chosen_by_now(*chosen), api_name="refresh_landscapes", **quiet
        )
        gr.on(
            [checkpoints.change, self.run.change, self.other.change, measuring.change, self.timer.tick],
            self.show,
            chosen,
            [self.drawn, *jobs],
            api_name="loss_landscapes",
            trigger_mode="always_last",
            **quiet,
        )
        self.measure.click(self.start, chosen, jobs, api_name="measure_landscape", **acting)
        self.cancel.click(self.stop, chosen, jobs, api_name="cancel_landscape", **acting)

    # --- looking ----------------------------------------------------------------------------------------------

    def refresh(self, run: Any, other: Any) -> list[gr.Dropdown]:
        """The lists of checkpoints as they are now; None where nobody has chosen."""
        store = self.backend.store
        pair = (first_pair(store) if None in (run, other) else None) or (None, None)
        return [refreshed(store, run, first=pair[0]), refreshed(store, other, optional=True, first=pair[1])]

    def show(self, run: Any, other: Any, request: gr.Request) -> list:
        found = self._checkpoints(run, other)
        named = [(info.arch, name_of(run), measured) for run, info, measured in found]
        return [landscape_html(named), *self._jobs(found, request)]

    def _checkpoints(self, *chosen: Any) -> list[Checkpoint]:
        """Those of the chosen that there are, each once."""
        found = {}
        for run_id in chosen:
            try:
                run = self.backend.store.get(run_id)
            except RunError:
                continue
            if info := run.model_info():
                found[run.id] = (run, info, LossLandscape.of(run, info))
        return list(found.values())

    # --- acting: each handler checks by itself who asks -----------------------------------------------------------

    def start(self, run: Any, other: Any, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        found = self._checkpoints(run, other)
        if (missing := _to_measure(found)) is None:
            raise gr.Error(
                t("There is nothing left to measure here. Choose another checkpoint."), print_exception=False
            )
        self.backend.act(lambda: self.backend.evaluations.start(missing, LANDSCAPE))
        return self._jobs(found, request)

    def stop(self, run: Any, other: Any, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        self.backend.evaluations.cancel()
        return self._jobs(self._checkpoints(run, other), request)

    def _jobs(self, found: list[Checkpoint], request: gr.Request) -> list:
        """How far the job is, and which of its buttons can be pressed."""
        state, owner = self.backend.evaluations.state, self.backend.access.is_owner(request)
        measured = state.run_id if state.run_id in [run.id for run, _, _ in found] else ""
        can_start = owner and not state.running and _to_measure(found) is not None
        return [
            job_html(state, measured, LANDSCAPE, owner),
            gr.Button(interactive=can_start),
            gr.Button(interactive=owner and state.running),
            gr.Timer(active=state.running),
        ]


def _to_measure(found: list[Checkpoint]) -> RunDirectory | None:
    """The first of them that has not been measured. What was measured of a shipped run came with it."""
    return next((run for run, _, measured in found if measured is None and not run.is_shipped), None)


def first_pair(store: RunStore) -> tuple[str, str] | None:
    """The newest plain checkpoint, and before it the newest residual one of the same data; None without such."""
    checkpoints = store.checkpoints()
    for plain, of_plain in checkpoints:
        if ARCHITECTURES[of_plain.arch].is_plain:
            for run, info in checkpoints:
                if info.data == of_plain.data and not ARCHITECTURES[info.arch].is_plain:
                    return run.id, plain.id
    return None

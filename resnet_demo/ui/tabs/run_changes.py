"""What a person does to runs that are ticked: gives one a title, goes on from its weights, deletes them. Each handler
checks by itself who asks."""

import json
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from resnet_demo.language import t
from resnet_demo.runs.config import continued
from resnet_demo.runs.deletion import delete_resume_state, delete_run
from resnet_demo.runs.directory import TITLE_MAX, RunDirectory
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.watcher import Watcher
from resnet_demo.text import listed, size
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.runs_table import Picked, picked_runs
from resnet_demo.ui.tabs.train import TrainTab
from resnet_demo.ui.wiring import ACTION_EVENT, POLL_EVENT, RAW_INPUTS, begun_run

_FURTHER_EPOCHS = 8
_BUTTON: dict[str, Any] = {"interactive": False, "size": "md", "min_width": 120}


class RunChanges:
    """Built where it is called, folded away."""

    def __init__(self, backend: Backend, picked: gr.Textbox) -> None:
        self.backend, self.picked = backend, picked
        self._build()

    def _build(self) -> None:
        self.doomed = gr.Textbox("", visible="hidden")
        with gr.Accordion("Rename, continue, delete", open=False):
            with gr.Row(elem_classes="runs-change"):
                self.title = gr.Textbox(
                    "", label="Title of the ticked run", max_length=TITLE_MAX, interactive=False, elem_id="runs-title"
                )
                self.rename = gr.Button("Rename", elem_id="runs-rename", **_BUTTON)
            with gr.Row(elem_classes="runs-change"):
                self.more = gr.Number(
                    _FURTHER_EPOCHS, label="Further epochs", step=1, minimum=1, interactive=False,
                )  # fmt: skip
                self.go_on = gr.Button("Continue as a new run", **_BUTTON)
            self.delete = gr.Button("Delete the ticked runs…", elem_id="runs-delete", **_BUTTON)
            with gr.Column(visible=False) as self.confirm:
                self.question = gr.HTML("", elem_id="runs-question")
                with gr.Row():
                    self.free = gr.Button("Delete only what resuming needs", elem_id="runs-free")
                    self.yes = gr.Button("Delete for good", variant="stop", elem_id="runs-yes")
                    self.no = gr.Button("Keep", elem_id="runs-no")

    def wire(self, tabs: gr.Tabs, train: TrainTab) -> list:
        """Connect the widgets; returns the events after which the page has something new to show. A continued run is
        shown in the Train tab and takes the image that waits there."""
        quiet, acting = {**POLL_EVENT, **RAW_INPUTS}, {**ACTION_EVENT, **RAW_INPUTS}
        asked, answered = [self.doomed, self.confirm, self.question, self.free], [self.doomed, self.confirm]
        self.delete.click(self.ask, self.picked, asked, api_name="ask_delete", **quiet)
        self.no.click(self.keep, None, answered, api_name="keep", **quiet)
        going_on = self.go_on.click(
            self.continue_run,
            [self.more, self.picked],
            [tabs, train.chosen, train.controls.begun],
            api_name="continue",
            **acting,
        )
        return [
            gr.on(
                [self.rename.click, self.title.submit],
                self.rename_run,
                [self.title, self.picked],
                None,
                api_name="rename",
                **acting,
            ),
            going_on,
            self.yes.click(self.delete_runs, self.doomed, answered, api_name="delete", **acting),
            self.free.click(self.free_states, self.doomed, answered, api_name="free_resume_states", **acting),
        ]

    @property
    def shown(self) -> list[gr.components.Component]:
        """What `states` is for."""
        return [self.title, self.rename, self.more, self.go_on, self.delete, self.confirm, self.doomed]

    def states(self, runs: Picked, training: bool, owner: bool, anew: bool) -> list:
        """Which of them can be used while these runs are ticked. Where they have been ticked `anew`, the title is
        theirs, and a question about others is withdrawn."""
        changeable = owner and not any(run.run.is_shipped for _, run in runs)
        one = changeable and len(runs) == 1
        view = runs[0][1].view if owner and len(runs) == 1 else None
        can_go_on = view is not None and not training and view.is_over and view.saved is not None
        free = changeable and bool(runs) and not any(run.status.is_live for _, run in runs)
        title: dict[str, Any] = {"value": runs[0][1].title if len(runs) == 1 else ""} if anew else {}
        return [
            gr.Textbox(interactive=one, **title),
            gr.Button(interactive=one),
            gr.Number(interactive=can_go_on),
            gr.Button(interactive=can_go_on),
            gr.Button(interactive=free),
            *([gr.Column(visible=False), ""] if anew else [gr.skip()] * 2),
        ]

    def rename_run(self, title: str, picked: str, request: gr.Request) -> None:
        self.backend.access.require_owner(request)
        run = one_picked(self.backend.watcher, picked).run
        self.backend.act(lambda: run.rename(title))

    def continue_run(self, epochs: int, picked: str, request: gr.Request) -> list:
        """Train on from this run's weights in a new run that names it, and show that in the Train tab."""
        self.backend.access.require_owner(request)
        parent = one_picked(self.backend.watcher, picked)
        self.backend.act(lambda: self.backend.launcher.start(continued(parent.run.config(), parent.run.id, epochs)))
        return [gr.Tabs(selected="train"), *begun_run()]

    def ask(self, picked: str, request: gr.Request) -> list:
        """What would be deleted, to be confirmed: these runs, whatever is ticked by then."""
        self.backend.access.require_owner(request)
        runs = [run for _, run in picked_runs(self.backend.watcher.snapshot(), picked)]
        if not runs:
            raise gr.Error(t("Tick the runs to delete."), title=t("Not done"), print_exception=False)
        question = t(
            "Delete {runs} with all checkpoints ({size})? This cannot be undone.",
            runs=listed(f"“{escape(s.name)}”" for s in runs),
            size=size(sum(s.size_bytes for s in runs)),
        )
        kept = sum(s.run.resume_state_bytes() for s in runs if s.is_kept)
        if kept:
            question = t(
                "{question} {size} of it is needed only to resume stopped runs; without it their weights and curves "
                "stay.",
                question=question,
                size=size(kept),
            )
        return [json.dumps([s.run.id for s in runs]), gr.Column(visible=True), question, gr.Button(visible=bool(kept))]

    def keep(self) -> list:
        return ["", gr.Column(visible=False)]

    def delete_runs(self, doomed: str, request: gr.Request) -> list:
        self.backend.access.require_owner(request)
        self._to_each(self._doomed(doomed), partial(delete_run, self.backend.store))
        return self.keep()

    def free_states(self, doomed: str, request: gr.Request) -> list:
        """Delete what the stopped ones among these runs could be resumed from, and nothing else."""
        self.backend.access.require_owner(request)
        self._to_each([s for s in self._doomed(doomed) if s.is_kept], delete_resume_state)
        return self.keep()

    def _doomed(self, doomed: str) -> list[Snapshot]:
        return [snapshot for _, snapshot in picked_runs(self.backend.watcher.snapshot(now=True), doomed)]

    def _to_each(self, runs: list[Snapshot], do: Callable[[RunDirectory], object]) -> None:
        def do_all() -> None:
            for snapshot in runs:
                do(snapshot.run)

        self.backend.act(do_all)


def one_picked(watcher: Watcher, picked: str) -> Snapshot:
    """Raises gr.Error where not exactly one run is ticked."""
    runs = picked_runs(watcher.snapshot(now=True), picked)
    if len(runs) != 1:
        raise gr.Error(t("Tick exactly one run."), title=t("Not done"), print_exception=False)
    return runs[0][1]

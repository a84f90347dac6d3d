"""The question before the run in front is deleted. It stands in the page: a browser shows no dialog of a
page in a frame of another site, as on a Space."""

from html import escape

import gradio as gr

from resnet_demo.language import t
from resnet_demo.runs.text import started
from resnet_demo.runs.watcher import NEWEST
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.wiring import ACTION_EVENT, POLL_EVENT, RAW_INPUTS


class Discarding:
    """Built where the question is to stand; then call `wire`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.doomed = gr.Textbox("", visible="hidden")  # the run that is asked about, whatever comes to the front
        with gr.Column(visible=False) as self.column:
            self.question = gr.HTML("", elem_id="discard-question")
            with gr.Row():
                self.yes = gr.Button("Delete for good", variant="stop", elem_id="discard-yes")
                self.no = gr.Button("Keep it", elem_id="discard-no")

    def wire(self, button: gr.Button, chosen: gr.Dropdown, shown_run: str) -> gr.events.Dependency:
        """`shown_run` is the script that says which run the page shows. Returns the event after which the page has
        something new to show."""
        asked, answered = [self.doomed, self.column, self.question], [self.doomed, self.column]
        quiet = {**POLL_EVENT, **RAW_INPUTS}
        button.click(self.ask, chosen, asked, api_name="ask_discard", js=shown_run, **quiet)
        self.no.click(self.withdraw, None, answered, api_name="keep_run", **quiet)
        return self.yes.click(
            self.discard, self.doomed, [chosen, *answered], api_name="discard", **ACTION_EVENT, **RAW_INPUTS
        )

    def ask(self, run_id: str, request: gr.Request) -> list:
        """`run_id` is what the page's script says; a raw request may say anything."""
        backend = self.backend.of(request)
        backend.access.require_owner(request)
        backend.act(lambda: backend.store.get_own(run_id))
        shown, start = backend.watcher.snapshot(now=True).shown(run_id), escape(started(run_id))
        if shown is not None and shown.status.is_live:
            question = t(
                "Delete the run of {start}? It ends without saving, and all its files are deleted.", start=start
            )
        else:
            question = t("Delete the run of {start}? All its files are deleted.", start=start)
        return [run_id, gr.Column(visible=True), question]

    def withdraw(self) -> list:
        return ["", gr.Column(visible=False)]

    def discard(self, run_id: str, request: gr.Request) -> list:
        backend = self.backend.of(request)
        backend.access.require_owner(request)
        if run_id:
            backend.act(lambda: backend.launcher.discard(backend.store.get_own(run_id)))
        return [NEWEST, *self.withdraw()]

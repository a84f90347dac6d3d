"""The tour of the Train tab: a short training on digits that explains itself. What it says stands in `html/tour`."""

from typing import Any

import gradio as gr

from resnet_demo.data.examples import tour_digit
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.pinned import pin
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.tabs.form import TrainForm
from resnet_demo.ui.wiring import POLL_EVENT, RAW_INPUTS, begun_run, import_torch, sent_with

ON_TO_WHAT_IS_NEXT = """
element.addEventListener('click', (event) => {
  const next = event.target.closest('[data-next]')?.dataset.next;
  if (!next) return;
  trigger('click', {next});
  if (next === 'images') document.querySelector('#start').scrollIntoView({block: 'center'});
  else setTimeout(() => document.querySelector('#drawing-pad')?.scrollIntoView({block: 'center'}), 1000);
});
"""


class Tour:
    """Starts it, and leads on from its end."""

    def __init__(self, backend: Backend, form: TrainForm) -> None:
        self.backend, self.form = backend, form

    def start(self, request: gr.Request) -> list:
        """Train, with a digit pinned that is not trained on. The run comes to the front, its settings into the form."""
        self.backend.access.require_owner(request)
        config = preset_config("tour")

        def begin() -> None:
            import_torch()
            digit = tour_digit()
            pin(self.backend.launcher.start(config), digit)

        self.backend.act(begin)
        return [*begun_run(), *self.form.show(config)]

    def wire(self, status: gr.HTML, tabs: gr.Tabs) -> None:
        """`status` holds the buttons that stand there after the tour."""
        shown: list[Any] = [tabs, *self.form.shown]
        status.click(self.go_on, None, shown, api_name="after_tour", **POLL_EVENT, **RAW_INPUTS)

    def go_on(self, event: gr.EventData) -> list:
        """To the form for photographs, or to Classify; a raw request may send anything."""
        if sent_with(event).get("next") == "images":
            return [gr.skip(), *self.form.show(preset_config("fast", data=self.backend.sources[0]))]
        return [gr.Tabs(selected="classify"), *[gr.skip()] * len(self.form.shown)]

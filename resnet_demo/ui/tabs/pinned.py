"""The part of the Train tab where an image is pinned to a run. What is shown of it stands in `pinned_card`."""

from typing import Any

import gradio as gr

from resnet_demo.data.headers import ImageError
from resnet_demo.language import t
from resnet_demo.runs.pinned import pin, unpin
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.pinned_card import drop_label, pinned_html, probability_chart
from resnet_demo.ui.images import uploaded_image
from resnet_demo.ui.tabs.run_controls import SHOWN_RUN
from resnet_demo.ui.wiring import ACTION_EVENT, RAW_INPUTS, html_of

# The button is part of the card, and is there only where it can be pressed.
_UNPIN = """
element.addEventListener('click', (event) => {
  if (event.target.closest('[data-unpin]')) trigger('click');
});
"""
_ACTING = {**ACTION_EVENT, **RAW_INPUTS}


class PinnedImagePanel:
    """Built where it is called. An image that is dropped while no run trains waits until the page starts one."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        with gr.Row():
            with gr.Column(min_width=300):
                self.card = html_of(lambda: pinned_html(None), elem_id="pinned", js_on_load=_UNPIN)
                self.image = gr.Image(
                    type="filepath",
                    sources=["upload", "clipboard"],
                    label=drop_label(training=False),
                    height=190,  # the label lies over the image
                    buttons=[],
                    placeholder="Drop an image here, or click to choose one",
                    visible=backend.access.token is None,
                    elem_id="image",
                )
            with gr.Column(min_width=300):
                self.chart = html_of(lambda: probability_chart(None), elem_id="probability-chart")

    def wire(self, begun: gr.Textbox, chosen: gr.Dropdown) -> list[gr.events.Dependency]:
        """`begun` changes when a press on the page has begun a run, to which an image that waits is then pinned;
        `chosen` says which run the page shows. Returns the events after which it has something new to show."""
        dropped = self.image.change(self.pin_image, [self.image, chosen], self.image, api_name="pin", **_ACTING)
        removed = self.card.click(self.unpin_image, chosen, None, api_name="unpin", js=SHOWN_RUN, **_ACTING)
        return [dropped, begun.change(self.pin_image, [self.image, chosen], self.image, **_ACTING), removed]

    def pin_image(self, upload: Any, chosen: str, request: gr.Request) -> Any:
        """Pin it to the run that the page shows, where that trains: then it leaves the place where it was dropped."""
        backend = self.backend.of(request)
        backend.access.require_owner(request)
        if upload is None:
            return gr.skip()
        try:
            image = uploaded_image(upload, self.image.GRADIO_CACHE).image
        except ImageError as error:
            raise gr.Error(str(error), title=t("Not pinned"), print_exception=False) from error
        snapshot = backend.watcher.snapshot(now=True)
        shown = snapshot.shown(chosen)
        if shown is None or not shown.status.is_live or not snapshot.is_own(shown):
            return gr.skip()
        backend.act(lambda: pin(shown.run, image))
        return None

    def unpin_image(self, run_id: str, request: gr.Request) -> None:
        """Take the image out of the run that the page shows: `run_id` is what SHOWN_RUN returned."""
        backend = self.backend.of(request)
        backend.access.require_owner(request)
        backend.act(lambda: unpin(backend.store.get_own(run_id)))

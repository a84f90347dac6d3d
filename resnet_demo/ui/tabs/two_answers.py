"""The part of the Classify tab that asks a second checkpoint about the same image."""

from typing import Any

import gradio as gr

from resnet_demo.errors import UserError
from resnet_demo.runs.directory import RunError
from resnet_demo.runs.store import NO_SUCH_RUN
from resnet_demo.runs.text import name_of
from resnet_demo.runs.watcher import NEWEST
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html import two_answers as html
from resnet_demo.ui.images import uploaded_image
from resnet_demo.ui.tabs.checkpoint_choice import checkpoint_dropdown, refreshed
from resnet_demo.ui.wiring import ACTION_EVENT, POLL_EVENT, RAW_INPUTS


class TwoAnswers:
    """Built in two places: the choice of the other checkpoint, then by `build_shown` what both say."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.other = checkpoint_dropdown(
            backend.store, optional=True, label="Compare with", elem_id="classify-compare-with"
        )

    def build_shown(self) -> None:
        self.shown = gr.HTML("", elem_id="classify-two", elem_classes="classify-html")

    def wire(self, question: list, asked: list, limits: dict[str, Any]) -> None:
        """`question` is image, run and trim; `asked` are the events after which another answer comes."""
        self._cache = self.other.GRADIO_CACHE
        gr.on(
            [*asked, self.other.input],
            self.compare,
            [*question, self.other],
            self.shown,
            trigger_mode="always_last",
            api_name="compare_checkpoints",
            **ACTION_EVENT,
            **limits,
        )

    def refresh_on(self, *events) -> None:
        """Keep the list as it is on disk."""
        gr.on(
            events,
            self.refresh,
            self.other,
            self.other,
            api_name="refresh_compare_with",
            **POLL_EVENT,
            **RAW_INPUTS,
        )

    def refresh(self, chosen: Any, request: gr.Request) -> gr.Dropdown:
        return refreshed(self.backend.of(request).store, chosen, optional=True)

    def compare(self, image: Any, chosen: Any, trim: Any, other: Any, request: gr.Request | None = None) -> str:
        """Nothing without an image and a second checkpoint."""
        backend = self.backend.of(request)
        if image is None or not other:
            return ""
        try:
            if not isinstance(chosen, str) or not isinstance(other, str):
                raise RunError(NO_SUCH_RUN)
            decoded = uploaded_image(image, self._cache, trim is not False).image
            first, second = (
                backend.predictor.get().classify(decoded, None if run == NEWEST else run) for run in (chosen, other)
            )
            names = [name_of(backend.store.get(answered.run_id or "")) for answered in (first, second)]
            return html.two_answers_html(first, names[0], second, names[1])
        except UserError as error:
            return html.problem_html(str(error))

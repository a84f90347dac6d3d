"""The part of the Classify tab with images to click. An example goes where a dropped image goes, and is classified as
that is: no answer is kept."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from PIL import Image

from resnet_demo.data.dataset import DataError
from resnet_demo.data.examples import DIGITS_SOURCE, Example, known_examples, out_of_distribution_examples
from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.ui.html.examples import examples_html
from resnet_demo.ui.wiring import POLL_EVENT, RAW_INPUTS, import_torch

CHOOSE = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-example]');
  if (!button) return;
  window.exampleChosen = `${button.dataset.example} ${Date.now()}`;
  trigger('click');
  window.dispatchEvent(new Event('example-chosen'));
  document.getElementById('classify-answer')?.scrollIntoView({block: 'nearest'});
});
"""


class ExamplesPanel:
    """Built where it is called; then call `wire`. `info_of` gives what a page's choice of checkpoint says of
    itself."""

    def __init__(self, info_of: Callable[[Any, gr.Request | None], ModelInfo | None]) -> None:
        self.info_of = info_of
        self.wanted = gr.Textbox("", visible="hidden")  # which was clicked, and when
        self.shown = gr.HTML("", elem_id="classify-examples", elem_classes="classify-html", js_on_load=CHOOSE)

    def wire(self, chosen: gr.Dropdown, image: gr.Image, changes: list) -> None:
        """`changes` happen where other examples may be due."""
        gr.on(changes, self.show, chosen, self.shown, api_name="show_examples", **POLL_EVENT, **RAW_INPUTS)
        self.shown.click(None, None, self.wanted, js="() => window.exampleChosen")
        self.wanted.change(
            self.choose,
            [chosen, self.wanted],
            image,
            api_name="choose_example",
            trigger_mode="always_last",
            **POLL_EVENT,
            **RAW_INPUTS,
        )

    def show(self, chosen: Any, request: gr.Request | None = None) -> str:
        """Buttons for what the chosen checkpoint knows, and for what it does not; '' where nobody can answer."""
        info = self.info_of(chosen, request)
        return examples_html(known_to(info), out_of_distribution_examples()) if info else ""

    def choose(self, chosen: Any, wanted: Any, request: gr.Request | None = None) -> Image.Image:
        """The image that was clicked: its name, and the moment after it. A raw request may name anything."""
        name = str(wanted).rpartition(" ")[0]
        for example in [*known_to(self.info_of(chosen, request)), *out_of_distribution_examples()]:
            if example.name == name:
                return example.image
        raise gr.Error(t("There is no such example. Click one of those shown."), print_exception=False)


def known_to(info: ModelInfo | None) -> list[Example]:
    """What a checkpoint has learned, as far as it is at hand; nothing where there is no checkpoint."""
    if info is None:
        return []
    if info.data == DIGITS_SOURCE:
        import_torch()
    try:
        return known_examples(info.data, info.classes)
    except DataError:  # without scikit-learn there are no digits to click, and Train says how to install it
        return []

"""Images that come to the Classify tab neither by the drop nor by a click: a digit that is drawn, where the checkpoint
knows digits, and what is pasted by Ctrl+V. Both go where a dropped image goes."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from PIL import Image

from resnet_demo.data.drawing import as_digit
from resnet_demo.data.examples import DIGITS_SOURCE
from resnet_demo.data.headers import ImageError
from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.ui.images import uploaded_image
from resnet_demo.ui.wiring import POLL_EVENT, RAW_INPUTS, script, sent_with

# Gradio's own takes what is pasted only after a click on its clipboard sign.
PASTE = """
let latest = 0; // what is chosen while an image is on its way takes its place
window.addEventListener('example-chosen', () => { latest += 1; });
document.addEventListener('paste', async (event) => {
  const file = [...event.clipboardData.files].find(({type}) => type.startsWith('image/'));
  if (!file || !document.querySelector('#classify-image')?.offsetParent) return;
  event.preventDefault();
  window.dispatchEvent(new Event('example-chosen')); // what is answered is no drawing any more
  const mine = latest, {path} = await upload(file);
  if (mine === latest) trigger('click', {path});
});
"""


class DrawingPad:
    """Built where it is called; then call `wire`. `info_of` gives what a page's choice of checkpoint says of
    itself."""

    def __init__(self, info_of: Callable[[Any, gr.Request | None], ModelInfo | None]) -> None:
        self.info_of = info_of
        self.pad = gr.HTML("", elem_id="drawing-pad", elem_classes="classify-html", js_on_load=script("drawing_pad.js"))
        self.paste = gr.HTML(visible="hidden", js_on_load=PASTE)

    def wire(self, chosen: gr.Dropdown, image: gr.Image, changes: list) -> None:
        """`changes` happen where another checkpoint may answer."""
        self._kept_in = image.GRADIO_CACHE
        gr.on(changes, self.show, [chosen], self.pad, api_name="show_drawing_pad", **POLL_EVENT, **RAW_INPUTS)
        # Else an image would be dropped that is finished while an earlier one is being taken.
        taking: dict[str, Any] = {"trigger_mode": "multiple", **POLL_EVENT, **RAW_INPUTS}
        self.pad.click(self.read, None, image, api_name="take_drawing", **taking)
        self.paste.click(self.take, None, image, api_name="take_pasted", **taking)

    def show(self, chosen: Any, request: gr.Request | None = None) -> str:
        info = self.info_of(chosen, request)
        return pad_html() if info and info.data == DIGITS_SOURCE else ""

    def read(self, event: gr.EventData) -> Image.Image:
        """The drawing that the script has uploaded, made as the digits are that are learned."""
        return as_digit(self._uploaded(event))

    def take(self, event: gr.EventData) -> str:
        """Where the image lies that the script has uploaded."""
        self._uploaded(event)
        return sent_with(event)["path"]

    def _uploaded(self, event: gr.EventData) -> Image.Image:
        """A raw request may name any file."""
        try:
            return uploaded_image(sent_with(event), self._kept_in, trim=False).image
        except ImageError as error:
            raise gr.Error(str(error), title=t("No image"), print_exception=False) from error


def pad_html() -> str:
    said = t("Draw a digit. It is reduced to 8 × 8 pixels, as the digits were that the network learned.")
    return (
        f'<div class="drawing-pad"><p>{said}</p><canvas width="280" height="280" role="img" '
        f'aria-label="{t("Draw a digit here with the mouse or a finger")}">'
        f"{t('The digits above can be chosen by keyboard.')}</canvas>"
        f'<button type="button" data-clear>{t("Clear the drawing")}</button></div>'
    )

"""Where a GPU is lent on a visitor's own quota: signing in with Hugging Face, and what is left of it then."""

import hashlib
import threading
import time

import gradio as gr

from resnet_demo.hub.gpu_time import SCOPE, GpuTime, gpu_time
from resnet_demo.hub.space import HubError
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.visitors import gpu_time_html, hint_html, sign_in_html
from resnet_demo.ui.wiring import POLL_EVENT, RAW_INPUTS, html_of

FRESH_S = 15.0  # a visitor's pages ask Hugging Face no more often
REMEMBERED = 100  # visitors


class GpuTimePanel:
    """Built where it is called, on a Space whose visitors can sign in (`hf_oauth` in the README's head)."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._told: dict[str, tuple[float, GpuTime]] = {}  # by the token's digest, with the moment; the last is newest
        self._guard = threading.Lock()
        with gr.Row(elem_id="gpu-time"):
            self.told = html_of(sign_in_html)
            gr.LoginButton(size="sm", min_width=220, scale=0)

    def wire(self, states: gr.Textbox, chosen: gr.Dropdown) -> None:
        """`states` changes when a page is opened, and when the run in front starts, pauses, or has done an epoch."""
        states.change(self.show, chosen, self.told, api_name="gpu_time", **POLL_EVENT, **RAW_INPUTS)

    def show(self, chosen: str, request: gr.Request, token: gr.OAuthToken | None) -> str:
        if token is None:
            return sign_in_html()
        if SCOPE not in token.scope.split():
            return ""
        try:
            left = self._left(token.token)
        except HubError as error:
            return hint_html(str(error))
        return gpu_time_html(left, self.backend.of(request).watcher.snapshot().shown(chosen))

    def _left(self, token: str) -> GpuTime:
        key, now = hashlib.sha256(token.encode()).hexdigest(), time.monotonic()
        with self._guard:
            asked, left = self._told.get(key, (-FRESH_S, None))
        if left is None or now - asked >= FRESH_S:
            left = gpu_time(token)
            with self._guard:
                self._told.pop(key, None)
                self._told[key] = (now, left)
                if len(self._told) > REMEMBERED:
                    del self._told[next(iter(self._told))]
        return left

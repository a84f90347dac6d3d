"""What stands in the form outlives a reload: the browser keeps it for as long as its tab is open. The server keeps
nothing of a page."""

import json

import gradio as gr
from gradio.events import Dependency

from resnet_demo.runs.snapshot import checksum
from resnet_demo.ui.tabs.form import FIELDS, TrainForm
from resnet_demo.ui.wiring import POLL_EVENT

# Not before the form has been restored: on their way to it the widgets say that they have changed.
_KEEP = "(...values) => {{ if (window.formRestored) sessionStorage.setItem({key}, JSON.stringify(values)); }}"
_RESTORE = """(...values) => {{
  const kept = JSON.parse(sessionStorage.getItem({key}));
  window.formRestored = true;
  return kept ?? values;
}}"""


def remember(form: TrainForm, page: gr.Blocks) -> Dependency:
    """Keep what the form holds at each change, and put it back when the page is opened anew. What is chained to the
    event that is returned finds it there."""
    key = json.dumps(f"form {checksum(FIELDS, form.sources)}")  # what another version or another start kept is not read
    changes = [widget.change for widget in form.shown]  # type: ignore[attr-defined]  # every widget has it
    gr.on(changes, None, form.shown, None, js=_KEEP.format(key=key), **POLL_EVENT)
    return page.load(None, form.shown, form.shown, js=_RESTORE.format(key=key), **POLL_EVENT)

"""What stands in the form outlives a reload: the browser keeps it for as long as its tab is open. The server keeps
nothing of a page."""

import json

import gradio as gr
from gradio.events import Dependency

from resnet_demo.runs.snapshot import checksum
from resnet_demo.ui.tabs.form import FIELDS, TrainForm
from resnet_demo.ui.wiring import POLL_EVENT

# Not before the form has been restored: on their way to it the widgets say that they have changed; nor what the page
# came with. Where a browser keeps no data of this site, `sessionStorage` throws.
_KEEP = """(...values) => {{
  const text = JSON.stringify(values);
  if (!window.formFirst || (text === window.formFirst && !window.formKept)) return;
  try {{
    sessionStorage.setItem({key}, text);
    window.formKept = true;
  }} catch {{}}
}}"""
_RESTORE = """(...values) => {{
  let kept = null;
  try {{ kept = JSON.parse(sessionStorage.getItem({key})); }} catch {{}}
  window.formKept = kept !== null;
  window.formFirst = JSON.stringify(values);
  return kept ?? values;
}}"""
IS_KEPT = "(...values) => [...values.slice(0, -1), window.formKept ? 'yes' : '']"  # in place of the last


def remember(form: TrainForm, page: gr.Blocks) -> Dependency:
    """Keep what the form holds at each change, and put it back when the page is opened anew. What is chained to the
    event that is returned finds it there."""
    key = json.dumps(f"form {checksum(FIELDS, form.sources)}")  # what another version or another start kept is not read
    changes = [widget.change for widget in form.shown]  # type: ignore[attr-defined]  # every widget has it
    gr.on(changes, None, form.shown, None, js=_KEEP.format(key=key), **POLL_EVENT)
    return page.load(None, form.shown, form.shown, js=_RESTORE.format(key=key), **POLL_EVENT)

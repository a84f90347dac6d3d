"""What stands in the form outlives a reload: the browser keeps it for as long as its tab is open. The server keeps
nothing of a page."""

import json

import gradio as gr
from gradio.events import Dependency

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


def keep(widgets: list, key: str) -> None:
    """Keep what these hold at each change. Call it before anything else is wired to their changes: Gradio runs what is
    wired to one event one after the other, and a plan takes seconds."""
    changes = [widget.change for widget in widgets]
    gr.on(changes, None, widgets, None, js=_KEEP.format(key=json.dumps(key)), **POLL_EVENT)


def restore(widgets: list, key: str, page: gr.Blocks) -> Dependency:
    """Put back what `keep` has kept under that key when the page is opened anew. What is chained to the event that is
    returned finds it there."""
    return page.load(None, widgets, widgets, js=_RESTORE.format(key=json.dumps(key)), **POLL_EVENT)

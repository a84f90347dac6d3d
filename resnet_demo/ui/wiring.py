"""How handlers are wired to the page's events: what most of them share."""

import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import gradio as gr

from resnet_demo.errors import UserError
from resnet_demo.language import t
from resnet_demo.models.catalog import NetworkSpec
from resnet_demo.runs.watcher import NEWEST
from resnet_demo.ui.html.curves import ChartChoice
from resnet_demo.ui.page import Page

if TYPE_CHECKING:  # brings torch
    from resnet_demo.models.describe import NetworkDescription

Done = TypeVar("Done")

# What a person asks for by a button that changes something: queued, so that Gradio can check the form first. No
# component waits for it: Gradio's script would keep a state for each output of each such call, and go through all of
# them twice at every poll. That was half of what the page took in a browser at rest.
ACTION_EVENT: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "undocumented"}

# Cheap, called often, and nothing for an API's users: no queue, no spinner, any number at once.
POLL_EVENT: dict[str, Any] = {**ACTION_EVENT, "queue": False, "concurrency_limit": None}

# Values come to the handler as they were sent, and it checks them itself. Gradio's own check of a list knows only
# what stood there at the start, and its preparation of an image would decode it before our limits are asked.
RAW_INPUTS: dict[str, Any] = {"preprocess": False}

# The same, where a handler gives texts alone, for what is asked again and again: Gradio hands every output to a thread
# of its own to prepare it, and makes a component anew for every gr.skip().
RAW_INPUTS_OUTPUTS: dict[str, Any] = {**RAW_INPUTS, "postprocess": False}


def chart_choice(smoothing: float, by: str, log: bool, error: bool, zoom: str) -> ChartChoice:
    """How a page wants its curves; what it does not offer becomes one sentence on the page. `zoom` is an axis and the
    two ends of a range of it, as `ui/curves.js` writes it: 'epoch 1.5 3'. One of another axis stands for no range."""
    axis, *ends = zoom.split()[:3] or [""]
    zoomed = (_number(ends[0]), _number(ends[-1])) if ends and axis == by else None
    try:
        return ChartChoice(smoothing, by, log, error, zoomed)
    except ValueError as error:
        raise gr.Error(str(error), print_exception=False) from error


def _number(text: str) -> float:
    """NaN for what is none, which no choice takes."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def script(name: str) -> str:
    """A script of the page, by the name of its file beside this one."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def html_of(make: Callable[[], str], **settings: Any) -> gr.HTML:
    """A part of the page that says what `make` does, in the language of each page that is opened."""
    part = gr.HTML(make(), **settings)
    _send_at_first(part, make, "value")
    return part


def choices_of(make: Callable[[], list[tuple[str, str]]], **settings: Any) -> gr.Dropdown:
    """A list to choose from, likewise."""
    part = gr.Dropdown(make(), **settings)
    _send_at_first(part, make, "choices")
    return part


def _send_at_first(part: gr.components.Component, make: Callable[[], Any], prop: str) -> None:
    page = gr.context.Context.root_block
    if isinstance(page, Page):
        page.send_at_first(part, make, prop)


def moment() -> str:
    """Another value each time, for a hidden box whose change is an event."""
    return str(time.time_ns())


def begun_run() -> list[str]:
    """For the choice of the run in front and for `RunControls.begun`: the newest, which has begun now."""
    return [NEWEST, moment()]


def goes_unless_of(beside: str, mark: str = "of") -> str:
    """The script of a part that may be answered late: what is marked (`data-of`, or by another `mark`) as of something
    else than what stands by then in the part with the id `beside` goes. (Cancelling the call does not do: it may come
    too late, and then stands there as an error.)"""
    return f"""{{
const drop = () => {{
  const mine = element.querySelector('[data-{mark}]'), theirs = document.querySelector('#{beside} [data-{mark}]');
  if (mine && mine.dataset.{mark} !== theirs?.dataset.{mark}) mine.remove();
}};
for (const part of [element, document.getElementById('{beside}') ?? document.body])
  new MutationObserver(drop).observe(part, {{childList: true, subtree: true}});
}}
"""


def sent_with(event: gr.EventData) -> dict[str, Any]:
    """What a part's own script has sent with an event; a raw request may send anything."""
    return event._data if isinstance(event._data, dict) else {}


_importing = threading.Lock()


def import_torch() -> None:
    """Before a handler imports what needs torch: the page's first handlers run in threads of their own, and two that
    import torch at the same time, each by another module, could meet it half made."""
    with _importing:
        import torch  # noqa: F401


def described(spec: NetworkSpec, input_size: int) -> "NetworkDescription":
    """The network, measured with an image of so many pixels a side."""
    import_torch()
    from resnet_demo.models.describe import describe

    return describe(spec, input_size)


def act(action: Callable[[], Done]) -> Done:
    """Do what a person asked for; what goes wrong becomes one sentence on the page."""
    try:
        return action()
    except UserError as error:
        raise gr.Error(str(error), title=t("Not done"), print_exception=False) from error
    except OSError as error:
        problem = t(
            "A file could not be written or a process not started ({reason}). Check the disk.", reason=error.strerror
        )
        raise gr.Error(problem, title=t("Not done"), print_exception=False) from error

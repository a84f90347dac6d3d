"""The list of checkpoints to choose from, where a tab works on one run's checkpoint."""

import json
from typing import Any

import gradio as gr

from resnet_demo.language import t
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.text import name_of
from resnet_demo.ui.html.answer import choice_label


def checkpoint_dropdown(
    store: RunStore, optional: bool = False, label: str = "Checkpoint", **layout: Any
) -> gr.Dropdown:
    """Every run that has a checkpoint, newest run first. Chosen is the one that answers where nobody has chosen, or,
    where it is optional, none."""
    choices = _choices(store, optional)
    return gr.Dropdown(choices, value=_first(store, optional), label=label, filterable=False, **layout)


def chosen_by_now(*dropdowns: gr.Dropdown) -> str:
    """The script that says what is chosen when a list is refreshed: null at first, where it is what the page was built
    with. That is of the app's start, and `refreshed` then chooses anew."""
    built, key = json.dumps([one.value for one in dropdowns]), dropdowns[0]._id
    return f"""(...chosen) => {{
      const seen = (window.refreshedLists ??= new Set()), isFirst = !seen.has({key}), built = {built};
      seen.add({key});
      return chosen.map((run, place) => isFirst && run === built[place] ? null : run);
    }}"""


def refreshed(store: RunStore, chosen: Any, optional: bool = False, first: str | None = None) -> gr.Dropdown:
    """The list as it is now. What was chosen stays while it is there, and is not sent: another may be chosen by the
    time that this arrives. Else comes `first`, or what is chosen where nobody has chosen."""
    choices = _choices(store, optional)
    if chosen in [run_id for _, run_id in choices]:
        return gr.Dropdown(choices=choices)
    return gr.Dropdown(choices=choices, value=first or _first(store, optional))


def _choices(store: RunStore, optional: bool) -> list[tuple[str, str]]:
    choices = [(choice_label(name_of(run), info), run.id) for run, info in store.checkpoints()]
    return [(t("No other checkpoint"), ""), *choices] if optional else choices


def _first(store: RunStore, optional: bool) -> str | None:
    if optional:
        return ""
    latest = store.latest_model()
    return latest.id if latest else None

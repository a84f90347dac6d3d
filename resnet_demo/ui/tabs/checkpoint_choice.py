"""The list of checkpoints to choose from, where a tab works on one run's checkpoint."""

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


def refreshed(store: RunStore, chosen: Any, optional: bool = False) -> gr.Dropdown:
    """The list as it is now; what was chosen stays while it is there."""
    choices = _choices(store, optional)
    kept = chosen if chosen in [run_id for _, run_id in choices] else _first(store, optional)
    return gr.Dropdown(choices=choices, value=kept)


def _choices(store: RunStore, optional: bool) -> list[tuple[str, str]]:
    choices = [(choice_label(name_of(run), info), run.id) for run, info in store.checkpoints()]
    return [(t("No other checkpoint"), ""), *choices] if optional else choices


def _first(store: RunStore, optional: bool) -> str | None:
    if optional:
        return ""
    latest = store.latest_model()
    return latest.id if latest else None

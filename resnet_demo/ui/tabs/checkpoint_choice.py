"""The list of checkpoints to choose from, where a tab works on one run's checkpoint."""

from typing import Any

import gradio as gr

from resnet_demo.runs.store import RunStore
from resnet_demo.runs.text import run_name
from resnet_demo.ui.html.answer import choice_label


def checkpoint_dropdown(store: RunStore, **layout: Any) -> gr.Dropdown:
    """Every run that has a checkpoint, newest run first; the first is chosen."""
    choices = _choices(store)
    return gr.Dropdown(choices, value=_first(choices), label="Checkpoint", filterable=False, **layout)


def refreshed(store: RunStore, chosen: Any) -> gr.Dropdown:
    """The list as it is now; what was chosen stays while it is there."""
    choices = _choices(store)
    kept = chosen if chosen in [run_id for _, run_id in choices] else _first(choices)
    return gr.Dropdown(choices=choices, value=kept)


def _choices(store: RunStore) -> list[tuple[str, str]]:
    infos = ((run, run.model_info()) for run in store.all_runs())
    return [(choice_label(run_name(run.id, run.title()), info), run.id) for run, info in infos if info]


def _first(choices: list[tuple[str, str]]) -> str | None:
    return choices[0][1] if choices else None

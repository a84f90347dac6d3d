"""The settings of a form or a run, and in what they differ from its preset: pure functions from plain data to HTML."""

from html import escape
from typing import Any

from resnet_demo.data.known import data_label
from resnet_demo.language import t
from resnet_demo.runs.config import TrainConfig, changes_of
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.text import label_of, written
from resnet_demo.text import listed


def changes_html(preset_values: dict[str, Any], problems: dict[str, str]) -> str:
    """A button for each setting that differs, and a mark at its field; `preset_values` is what the preset has. Under a
    field that cannot be so stands its sentence: Gradio's own is gone with the page's next poll. A style sheet's text is
    not read aloud everywhere, so it stands in the page as well."""
    sentences = {name: t(sentence) for name, sentence in problems.items()}
    said = "".join(_problem(name, sentence) for name, sentence in sentences.items())
    spoken = f'<p class="form-problems" role="status">{escape(" ".join(sentences.values()))}</p>' if said else ""
    if not preset_values:
        return f"{spoken}<style>{said}</style>" if said else ""
    buttons = "".join(_button(name, value) for name, value in preset_values.items())
    fields = ", ".join(f"#setting-{name}" for name in preset_values)
    marks = f":is({fields}) {{ outline: 2px solid var(--color-accent); outline-offset: -2px; }}"
    differs = t("Differs from the preset; click to undo: {settings}", settings=buttons)
    return f'<p class="form-changes">{differs}</p>{spoken}<style>{marks}{said}</style>'


def _problem(name: str, sentence: str) -> str:
    """A rule that says it under the field and rings it. A text of a style sheet ends at its quote, the sheet at '<'."""
    text = "".join(char if char.isprintable() and char not in '"\\<' else f"\\{ord(char):x} " for char in sentence)
    ring = f"#setting-{name} {{ outline: 2px solid var(--error-border-color); outline-offset: -2px; }}"
    return f'{ring}#setting-{name}::after {{ content: "{text}"; }}'


def _button(name: str, value: Any) -> str:
    title = escape(t("Take it back to {value}", value=written(value)))
    return (
        f'<button type="button" data-field="{name}" title="{title}">'
        f"{escape(label_of(name))} <span>↶ {escape(written(value))}</span></button>"
    )


def changes_text(config: TrainConfig) -> str:
    """'epochs 20, batch size 64', '' where all is as the preset has it."""
    values = config.to_dict()
    told = (name for name in changes_of(values) if name not in ("arch", "stem", "start_from"))  # said beside it
    return listed(f"{label_of(name)} {written(values[name])}" for name in told)


def configuration_html(snapshot: Snapshot | None) -> str:
    """Every setting of a run, and what it is by the preset where that differs."""
    if snapshot is None:
        return f'<p class="hint">{t("The settings of a run will appear here.")}</p>'
    values = snapshot.config.to_dict()
    values["data"] = data_label(values["data"])  # a visitor is not shown where the server keeps its files
    otherwise = changes_of(values)
    rows = "".join(
        f"<div{' class=differs' * (name in otherwise)}><dt>{escape(label_of(name))}</dt><dd>{escape(written(value))}"
        f"{_by_the_preset(otherwise[name]) if name in otherwise else ''}</dd></div>"
        for name, value in values.items()
    )
    return f'<dl class="run-configuration">{rows}</dl>'


def _by_the_preset(value: Any) -> str:
    return f" <small>{escape(t('(preset: {value})', value=written(value)))}</small>"

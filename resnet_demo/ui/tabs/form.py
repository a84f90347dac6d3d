"""The training form: one widget for each field of TrainConfig, made from the field's own label, help and bounds."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields
from functools import partial
from typing import Any

import gradio as gr

from resnet_demo.data.known import FOLDER, KNOWN, data_label
from resnet_demo.language import t
from resnet_demo.models.catalog import ARCHITECTURES, AUTO, SHORTCUTS, STEMS
from resnet_demo.runs.config import (
    BESIDE_A_PRESET,
    TORCHVISION,
    TrainConfig,
    changes_of,
    preset_config,
    problems_of_new,
)
from resnet_demo.runs.presets import PRESETS
from resnet_demo.runs.snapshot import checksum
from resnet_demo.ui.html.changes import changes_html
from resnet_demo.ui.html.curves import schedule_chart
from resnet_demo.ui.html.setting_details import details_html
from resnet_demo.ui.tabs.form_memory import keep
from resnet_demo.ui.wiring import POLL_EVENT, RAW_INPUTS_OUTPUTS, choices_of, html_of, sent_with

FRONT = ("data", "preset", "epochs", "batch_size", "learning_rate")
ADVANCED = {
    "Network": ("arch", "stem", "shortcut", "zero_init_residual", "whiten_stem", "start_from"),
    "Optimizer": ("optimizer", "schedule", "warmup", "norm_bias_lr_mult", "weight_decay", "momentum", "beta2"),
    "Regularisation": ("label_smoothing", "ema_decay", "crop_padding", "cutout", "flip", "early_stopping_patience"),
    "Images": ("train_images", "test_images", "validation_images", "split", "normalisation", "flip_averaging"),
    "Machine": (
        "seed",
        "device",
        "precision",
        "compile",
        "cuda_graph",
        "deterministic",
        "threads",
        "processes",
        "log_every_steps",
        "measure_blocks_every",
    ),
}
FIELDS = tuple(field.name for field in fields(TrainConfig))
CHOICE_LABELS = {
    "preset": {name: preset.title for name, preset in PRESETS.items()},
    "arch": {name: architecture.label for name, architecture in ARCHITECTURES.items()},
    "stem": {name: stem.label for name, stem in STEMS.items()},
    "shortcut": {AUTO: "auto: as the network has them", **SHORTCUTS},
}

_SEARCH = """
element.addEventListener('input', ({target}) => {
  const wanted = target.value.trim().toLowerCase();
  document.querySelectorAll('#advanced [id^=setting-]').forEach((field) => {
    field.classList.toggle('not-found', !field.textContent.toLowerCase().includes(wanted));
  });
});
"""
_TAKE_BACK = """
element.addEventListener('click', (event) => {
  const field = event.target.closest('[data-field]')?.dataset.field;
  if (field) trigger('click', {field});
});
"""


def start_choices() -> list[tuple[str, str]]:
    """(label, what `start_from` then says) of the first weights that there are without any run."""
    return [(t("Random weights"), ""), (t("torchvision's, trained on ImageNet"), TORCHVISION)]


def search_box() -> str:
    search, label = t("Search the settings"), t("Search")
    return f'<input type="search" class="form-search" placeholder="{search}" aria-label="{label}">'


class TrainForm:
    """The widgets, in the order of TrainConfig's fields. Built where it is called."""

    def __init__(
        self, sources: Sequence[str], config: TrainConfig, front: AbstractContextManager | None = None
    ) -> None:
        """The first settings stand in `front`, the others in a panel of their own."""
        self.sources, self._start = tuple(sources), config
        # Whoever opens the page is sent what its widgets hold, so there a folder has a number in place of its path.
        self._names = {s: f"{FOLDER}{at}" if s.startswith(FOLDER) else s for at, s in enumerate(self.sources)}
        self._widgets: dict[str, gr.components.Component] = {}
        with front or nullcontext():
            self._add("data")
            self._add("preset")
            self._filled = gr.Textbox(config.preset, visible="hidden")  # the preset that filled the form last
            with gr.Row(elem_classes="form-numbers"):
                for name in ("epochs", "batch_size", "learning_rate"):
                    self._add(name)
            html_of(partial(details_html, FRONT))
            self.changes = gr.HTML("", elem_id="form-changes", js_on_load=_TAKE_BACK)
        self._build_advanced()
        self._wire_changes()

    def _build_advanced(self) -> None:
        with gr.Accordion("Advanced settings", open=False, elem_id="advanced"):
            html_of(search_box, js_on_load=_SEARCH)
            with gr.Column(elem_classes="form-groups"):
                for title, names in ADVANCED.items():
                    with gr.Column(elem_classes="form-group"):
                        gr.Markdown(f"**{title}**")
                        with gr.Row(elem_classes="form-advanced"):
                            for name in names:
                                self._add(name)
                        html_of(partial(details_html, names))
                with gr.Column(elem_classes="form-group"):
                    self.schedule = html_of(schedule_chart, elem_id="schedule")

    def _wire_changes(self) -> None:
        keep(self.shown, self.memory_key)
        gr.on(
            [widget.change for widget in self.widgets],  # type: ignore[attr-defined]  # every widget has it
            self.show_changes,
            self.widgets,
            self.changes,
            api_name="form_changes",
            trigger_mode="always_last",
            **POLL_EVENT,
            **RAW_INPUTS_OUTPUTS,
        )
        self.changes.click(self.take_back, self["preset"], self.widgets, api_name="take_back", **POLL_EVENT)

    @property
    def widgets(self) -> list[gr.components.Component]:
        return [self._widgets[name] for name in FIELDS]

    @property
    def shown(self) -> list[gr.components.Component]:
        """What `fill` and `show` are for."""
        return [*self.widgets, self._filled]

    @property
    def memory_key(self) -> str:
        """Under which a browser keeps the form: what another version or another start kept is not read."""
        return f"form {checksum(FIELDS, self.sources)}"

    @property
    def asking(self) -> list[gr.components.Component]:
        """What `fill` is asked with."""
        return [self["preset"], self["data"], self._filled]

    def __getitem__(self, name: str) -> Any:
        return self._widgets[name]

    def config(self, values: Sequence) -> TrainConfig:
        """The form's values as a config. Raises ConfigError, and gr.Error for a source that is not offered."""
        given = dict(zip(FIELDS, values, strict=True))
        config = TrainConfig(**{**given, "data": self.source(given["data"])})
        config.refuse_as_new()
        return config

    def show_changes(self, *values) -> str:
        """What differs from the preset, with a press for each that takes it back, and a mark at its field; and under a
        field what is wrong with it."""
        given = dict(zip(FIELDS, values, strict=True))
        return changes_html(changes_of(given) if given["preset"] in PRESETS else {}, problems_of_new(given))

    def take_back(self, preset: str, event: gr.EventData) -> list:
        """The preset's value for one field; a raw request may name anything."""
        field = sent_with(event).get("field")
        if field not in FIELDS or field in BESIDE_A_PRESET or preset not in PRESETS:
            raise gr.Error(t("There is no such setting."), print_exception=False)
        value = getattr(preset_config(preset), field)
        return [value if name == field else gr.skip() for name in FIELDS]

    def fill(self, preset: str, data: str, filled: str = "") -> list:
        """All fields as the preset says; the data stay what was chosen, but for the presets that bring theirs. So do
        the processes: they are the machine's. Nothing where the form was `filled` with this preset last: Gradio's
        dropdown says that somebody has chosen also when it is merely left."""
        if preset == filled:
            return [gr.skip()] * len(self.shown)
        chosen = self.source(data)
        if filled in PRESETS and PRESETS[filled].changes.get("data") == chosen:
            chosen = self.sources[0]  # the tour's digits go with it
        changes = {} if "data" in PRESETS[preset].changes else {"data": chosen}
        values = self.show(preset_config(preset, **changes))
        values[FIELDS.index("processes")] = gr.skip()
        return values

    def show(self, config: TrainConfig) -> list:
        """All fields as this config says; its data must be one of `sources`."""
        values = config.to_dict()
        values["data"] = self._names[config.data]
        values["preset"] = gr.update(value=config.preset, info=t(PRESETS[config.preset].summary))
        return [*(values[name] for name in FIELDS), config.preset]

    def is_untouched(self, values: Sequence) -> bool:
        """Whether the form holds what it was built with."""
        return list(values) == [widget.value for widget in self.widgets]

    @staticmethod
    def told_by(values: Sequence) -> list:
        """For values that the browser has put there: nothing but the preset's own words."""
        preset = values[FIELDS.index("preset")]
        told = gr.update(info=t(PRESETS[preset].summary)) if preset in PRESETS else gr.skip()
        return [*(told if name == "preset" else gr.skip() for name in FIELDS), gr.skip()]

    @property
    def folder_choices(self) -> list[tuple[str, str]]:
        """(label, name) of the folders that are offered, after the choice of none."""
        folders = [source for source in self.sources if source.startswith(FOLDER)]
        return [(t("Where it was"), ""), *((_source_label(source), self._names[source]) for source in folders)]

    def _data_choices(self) -> list[tuple[str, str]]:
        return [(_source_label(source), name) for source, name in self._names.items()]

    def source(self, name: str) -> str:
        """What the page calls by this name; raises gr.Error for what the app was not started with."""
        for source, known_as in self._names.items():
            if known_as == name:
                return source
        raise gr.Error(t("This data source is not offered here. Choose one from the list."), print_exception=False)

    def _add(self, name: str) -> None:
        self._widgets[name] = self._widget(TrainConfig.__dataclass_fields__[name])

    def _widget(self, field) -> gr.components.Component:
        about = {"label": field.metadata["label"], "info": field.metadata["help"], "elem_id": f"setting-{field.name}"}
        value = getattr(self._start, field.name)
        if field.name == "preset":
            about["info"] = PRESETS[value].summary
        if field.name == "data":
            about["info"] = "What to learn from."
            return choices_of(self._data_choices, value=self._names[value], **about)
        if field.name == "start_from":  # the page adds the runs as they come; what is sent is looked up, not opened
            about["info"] = "Initial weights. If the classes differ, the last layer is reinitialised."
            return gr.Dropdown(start_choices(), value=value, min_width=200, allow_custom_value=True, **about)
        names = tuple(PRESETS) if field.name == "preset" else field.metadata["choices"]
        if names:
            return choices_of(partial(_choices, field.name, names), value=value, min_width=200, **about)
        if isinstance(field.default, bool):
            return gr.Checkbox(value=value, elem_classes="form-checkbox", **about)
        about["min_width"] = 110 if field.name in FRONT else 140  # two in a row leave a hint the space that it needs
        if isinstance(field.default, int):
            return gr.Number(value=value, step=1, **about)  # precision=0 would make 2 of 2.5 without a word
        return gr.Number(value=value, **about)


def _choices(name: str, values: Sequence[str]) -> list[tuple[str, str]]:
    """(label, value); a value without a label is what the command line takes, in any language."""
    labels = CHOICE_LABELS.get(name, {})
    return [(t(labels[value]) if value in labels else value, value) for value in values]


def device_choices(devices: Sequence[str]) -> list[tuple[str, str]]:
    """No device that is not there."""
    return [(name, name) for name in ("auto", *devices)]


def _source_label(source: str) -> str:
    known = KNOWN.get(source)
    if known is None:
        return t("Folder {name}", name=data_label(source))
    label = data_label(source)
    images = f"{known.train_images + known.test_images:,}"
    return t("{data} ({images} images)", data=label[:1].upper() + label[1:], images=images)

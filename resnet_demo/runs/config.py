"""The settings of a run: read back as they were meant, checked before anything is trained with them, and made from a
preset. Their fields stand in `settings`. Imports no torch."""

from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from resnet_demo.data.known import FOLDER, KNOWN
from resnet_demo.errors import UserError
from resnet_demo.language import t
from resnet_demo.models.catalog import AUTO, TORCHVISION_HAS, NetworkSpec, shortcut_problem
from resnet_demo.runs.presets import PRESETS
from resnet_demo.runs.settings import Settings

SOURCES = (*KNOWN, f"{FOLDER}PATH")
BESIDE_A_PRESET = ("data", "preset", "processes")
PARENT, TORCHVISION = "run:", "torchvision"  # what `start_from` may name
FROM_FILE = "file"  # and where the weights came from a file, which the run keeps
FORMER_NAMES = {"averaging": "ema_decay", "norm_rate_factor": "norm_bias_lr_mult"}  # of settings
FORMER_SCHEDULES = {"one_cycle": "linear_warmup_decay"}


class ConfigError(UserError):
    """Settings that cannot be trained with; `problems` maps a field's name to a sentence."""

    code = 2

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = problems


@dataclass(frozen=True)
class TrainConfig(Settings):
    """What is trained, on what, and how. Frozen: a change is a new config (`dataclasses.replace`)."""

    def __post_init__(self) -> None:
        if problems := problems_with(asdict(self)):
            raise ConfigError(problems)

    def refuse_as_new(self) -> None:
        """Raises ConfigError where no run is to be made with this."""
        if problems := problems_of_new(asdict(self)):
            raise ConfigError(problems)

    @property
    def parent_id(self) -> str | None:
        """The id of the run that this one starts from, if it does."""
        return self.start_from.removeprefix(PARENT) if self.start_from.startswith(PARENT) else None

    def network(self, num_classes: int = 10) -> NetworkSpec:
        """What is built: `auto`, and what the network leaves no choice of, are resolved."""
        return NetworkSpec(self.arch, self.stem, num_classes, self.shortcut)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainConfig":
        """As it was meant when it was written: what came later is what its absence meant. Raises ConfigError where a
        name is unknown (a file of a newer version) or missing, or a value is out of bounds."""
        values = by_todays_names(values)
        unknown = sorted(set(values) - {f.name for f in fields(cls)})
        if unknown:
            raise ConfigError(
                {name: f"This version knows no setting '{name}'; update resnet_demo to use it." for name in unknown}
            )
        absent = {f.name: f.metadata["absent"] for f in fields(cls) if f.name not in values}
        if missing := [name for name, meant in absent.items() if meant is MISSING]:
            raise ConfigError({name: f"The setting '{name}' is missing, so the file is damaged." for name in missing})
        return cls(**absent, **values)


def by_todays_names(values: dict[str, Any]) -> dict[str, Any]:
    """Settings as earlier versions named them, by the names that they have now."""
    values = {FORMER_NAMES.get(name, name): value for name, value in values.items()}
    if isinstance(schedule := values.get("schedule"), str):
        values["schedule"] = FORMER_SCHEDULES.get(schedule, schedule)
    return values


def problems_with(values: dict[str, Any]) -> dict[str, str]:
    """A sentence for each setting that is wrong by itself, or else beside the others."""
    problems = {name: problem for name, value in values.items() if (problem := problem_with(name, value))}
    return problems or _misfits(**{name: values[name] for name in _HANG_TOGETHER})


def problems_of_new(values: dict[str, Any]) -> dict[str, str]:
    """The same for a run that is to be made: what earlier versions took, and a run of theirs may say, too."""
    problems = problems_with(values)
    if not problems and (problem := batch_problem(values["batch_size"], values["processes"])):
        return {"batch_size": problem}
    return problems


def batch_problem(batch_size: int, processes: int) -> str | None:
    """Why so many processes cannot share a batch of this size, or None."""
    if batch_size >= 2 * processes:  # of fewer than two images batch normalisation has no variance
        return None
    return t(
        "A batch of {batch_size} is too small for {processes} processes: each needs at least two images. Choose a "
        "larger batch or fewer processes.",
        batch_size=batch_size,
        processes=processes,
    )


NO_CHOICE = "{label} must be one of {choices}, not '{value}'."
_HANG_TOGETHER = ("arch", "shortcut", "start_from", "early_stopping_patience", "validation_images")
NOTHING_TO_STOP_BY = (
    "Early stopping goes by held-out images, and this run has none. Set Held-out images above 0, or Early stopping "
    "patience to 0."
)


def _misfits(
    arch: str, shortcut: str, start_from: str, early_stopping_patience: int, validation_images: int
) -> dict[str, str]:
    if early_stopping_patience and not validation_images:
        return {"early_stopping_patience": NOTHING_TO_STOP_BY}
    if problem := shortcut_problem(arch, shortcut):
        return {"shortcut": problem}
    if start_from == TORCHVISION and not (arch in TORCHVISION_HAS and shortcut in (AUTO, "B")):
        return {
            "start_from": t(
                "torchvision has weights for {networks} with the shortcuts B alone. Choose one of these, or start "
                "from other weights.",
                networks=", ".join(TORCHVISION_HAS),
            )
        }
    return {}


def problem_with(name: str, value: Any) -> str | None:
    """The sentence that says what is wrong with one setting's value, or None."""
    return _problem(TrainConfig.__dataclass_fields__[name], value)


def _problem(f, value) -> str | None:
    label, limits = t(f.metadata["label"]), f.metadata
    if isinstance(f.default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(f.default):
        kind = t(_TYPE_NAMES[type(f.default)])
        return t("{label} must be a {kind}, not {value}.", label=label, kind=kind, value=repr(value))
    if limits["choices"] and value not in limits["choices"]:
        return t(NO_CHOICE, label=label, choices=", ".join(limits["choices"]), value=value)
    if f.name == "data":
        return _data_problem(value)
    if f.name == "start_from":
        return _start_problem(value)
    if f.name == "preset" and value not in PRESETS:
        return t(NO_CHOICE, label=label, choices=", ".join(PRESETS), value=value)
    low, high = limits["minimum"], limits["maximum"]
    too_low = low is not None and not value >= low  # 'not >=' also catches NaN
    too_high = high is not None and not value <= high
    if too_low or too_high:
        if high is None:
            return t("{label} must be at least {low}, not {value}.", label=label, low=low, value=value)
        return t("{label} must be from {low} to {high}, not {value}.", label=label, low=low, high=high, value=value)
    return None


def _data_problem(value: str) -> str | None:
    if value in KNOWN or (value.startswith(FOLDER) and len(value) > len(FOLDER)):
        return None
    return t(NO_CHOICE, label=t("Data"), choices=", ".join(SOURCES), value=value)


def _start_problem(value: str) -> str | None:
    if value in ("", TORCHVISION, FROM_FILE) or (value.startswith(PARENT) and len(value) > len(PARENT)):
        return None
    return t(
        "Start from must be empty (random weights), run:ID, {torchvision} or, on the command line, file:PATH; not "
        "'{value}'.",
        torchvision=TORCHVISION,
        value=value,
    )


def absolute_source(source: str) -> str:
    """'folder:pics' -> 'folder:/home/me/pics': a worker runs in another folder than the person who typed it."""
    if not source.startswith(FOLDER) or source == FOLDER:
        return source
    return f"{FOLDER}{Path(source.removeprefix(FOLDER)).expanduser().resolve()}"


_TYPE_NAMES = {int: "whole number", float: "number", str: "text", bool: "yes or no"}


def preset_config(preset: str, **changes: Any) -> TrainConfig:
    """The preset's settings with `changes` over them; raises ConfigError."""
    if preset not in PRESETS:
        problem = t(NO_CHOICE, label=t("Preset"), choices=", ".join(PRESETS), value=preset)
        raise ConfigError({"preset": problem})
    return replace(TrainConfig(), preset=preset, **{**PRESETS[preset].changes, **changes})


def changes_of(values: dict[str, Any]) -> dict[str, Any]:
    """What differs from the preset that is named among the values: setting -> what the preset has there. The data and
    the processes are chosen beside it."""
    preset = preset_config(values["preset"]).to_dict()
    return {name: preset[name] for name in values if name not in BESIDE_A_PRESET and values[name] != preset[name]}


def continued(config: TrainConfig, run_id: str, epochs: int) -> TrainConfig:
    """The settings of a new run that goes on from the weights of the run `run_id`, which had `config`, for so many
    more epochs. The seed stays, since it draws what is held out. Raises ConfigError."""
    return replace(config, start_from=f"{PARENT}{run_id}", epochs=epochs)

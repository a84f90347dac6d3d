"""What a saved model says of itself, read from its header alone: no torch, no weights, nothing unpickled."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from resnet_demo.errors import UserError
from resnet_demo.files import is_count, is_number, open_regular, parse_json
from resnet_demo.language import t
from resnet_demo.models.catalog import ARCHITECTURES, STEMS, NetworkSpec, shortcut_problem
from resnet_demo.text import is_unicode, name_of_class, printable

MODEL_FORMAT = "resnet_demo-2"  # has a digest
WITHOUT_DIGEST = "resnet_demo-1"
LEAST_TEMPERATURE = 1e-6  # far below any that is fitted; logits divided by less may become infinite
DAMAGED = "This checkpoint's description is damaged."


class CheckpointError(UserError):
    """A file that cannot be used as a checkpoint: a sentence for people."""


@dataclass(frozen=True)
class Calibration:
    """A temperature that the logits are divided by (Guo et al. 2017, arXiv:1706.04599), fitted on held-out images."""

    images: int  # held-out ones that it was fitted on
    temperature: float
    error_before: float  # expected calibration error on these images without it, 0..1
    error_after: float

    def is_plausible(self) -> bool:
        numbers = (self.temperature, self.error_before, self.error_after)
        return (
            is_count(self.images)
            and all(is_number(number) for number in numbers)
            and LEAST_TEMPERATURE <= self.temperature <= 1 / LEAST_TEMPERATURE
        )


@dataclass(frozen=True)
class ModelInfo:
    """What it takes to build the network again and to read its answers. A field that comes later has a default: what
    its absence meant."""

    arch: str
    stem: str
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    data: str
    light_on_dark: bool  # it knows light strokes on black: an image with a light border is inverted first
    epoch: int  # epochs finished
    step: int
    accuracy: float | None  # on the test images, 0..1; None before the first evaluation
    shortcut: str = "B"  # what each network had whose file does not say
    digest: str = field(default="", compare=False)  # as read from the file, of its weights too; '' where there is none
    split: str = "by_position"  # how a folder's images were shared out; earlier versions knew no other way
    tested_on: str = ""  # Dataset.test_digest(); '' where an earlier version wrote the file
    held_out: int | None = None  # images that were neither trained on nor tested on; None: an earlier version's file
    calibration: Calibration | None = None  # after the last measured epoch
    flip_averaging: bool = False  # it answers by the mean over an image and its mirror image

    @property
    def temperature(self) -> float:
        """What the logits are divided by: 1 where nothing was fitted."""
        return self.calibration.temperature if self.calibration else 1.0

    def to_metadata(self) -> dict[str, str]:
        """safetensors metadata are strings. The digest is added by who knows the weights."""
        values = {name: json.dumps(value) for name, value in asdict(self).items() if name != "digest"}
        return {"format": MODEL_FORMAT, **values}

    @classmethod
    def from_metadata(cls, metadata: dict[str, str] | None) -> "ModelInfo":
        """Raises CheckpointError where the file is a stranger's or of a newer version."""
        metadata = metadata or {}
        written_by = metadata.get("format", "")
        if written_by not in (MODEL_FORMAT, WITHOUT_DIGEST):
            if written_by.startswith("resnet_demo-"):
                raise CheckpointError("This checkpoint is of a newer version of resnet_demo. Update, then try again.")
            raise CheckpointError("This safetensors file was not written by resnet_demo: it does not name its classes.")
        described = [f for f in fields(cls) if f.name != "digest" and (f.name in metadata or f.default is MISSING)]
        try:
            values: dict[str, Any] = {f.name: parse_json(metadata[f.name]) for f in described}
            # Earlier versions wrote a class as the disk had its folder's name.
            if isinstance(values["classes"], list):
                values["classes"] = [name_of_class(name) for name in values["classes"]]
            if (fitted := values.get("calibration")) is not None:
                values["calibration"] = Calibration(**fitted)
            digest = metadata["digest"] if written_by == MODEL_FORMAT else ""
            values = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
            info = cls(**values, digest=digest)
            plausible = info._is_plausible()
        except (KeyError, ValueError, TypeError) as error:
            raise CheckpointError(DAMAGED) from error
        if not plausible:
            raise CheckpointError(DAMAGED)
        if not info._is_known():
            raise CheckpointError(
                "This checkpoint's network is none that this version of resnet_demo knows. Update it."
            )
        return info

    def _is_known(self) -> bool:
        known = self.arch in ARCHITECTURES and self.stem in STEMS
        return known and shortcut_problem(self.arch, self.shortcut) is None

    def network(self) -> NetworkSpec:
        return NetworkSpec(self.arch, self.stem, len(self.classes), self.shortcut)

    def _is_plausible(self) -> bool:
        """Whether each value is of its kind. May raise TypeError where one is not even a sequence."""
        texts = (self.arch, self.stem, self.shortcut, self.data, self.split, self.tested_on, *self.classes)
        return (
            isinstance(self.classes, tuple)
            and len(self.classes) >= 2
            and all(isinstance(text, str) for text in texts)
            and all(is_number(number) for number in (*self.mean, *self.std))
            and (len(self.mean), len(self.std)) == (3, 3)
            and min(self.std) > 0
            and is_count(self.epoch)
            and is_count(self.step)
            and (self.accuracy is None or is_number(self.accuracy))
            and (self.held_out is None or is_count(self.held_out))
            and (self.calibration is None or self.calibration.is_plausible())
            and isinstance(self.flip_averaging, bool)
        )


def read_model_info(path: Path) -> ModelInfo:
    """Raises CheckpointError where `path` is no whole checkpoint of ours. The digest is read, not compared."""
    with open_checkpoint(path, "numpy") as file:
        return ModelInfo.from_metadata(file.metadata())


@contextmanager
def open_checkpoint(path: Path, framework: str) -> Iterator:
    """A safetensors file, for `metadata()` and `get_tensor(name)`. Raises CheckpointError, in its `with`, too."""
    from safetensors import SafetensorError, safe_open  # at first use: the page's first paint does not need it

    try:
        with open_regular(path), safe_open(path, framework=framework) as file:
            yield file
    except FileNotFoundError as error:
        raise CheckpointError(t("There is no checkpoint '{file}'.", file=path.name)) from error
    except (SafetensorError, OSError) as error:
        if not is_unicode(str(path)):
            raise CheckpointError(
                f"safetensors cannot open '{printable(str(path))}', since this path is no UTF-8. Rename the folder."
            ) from error
        raise CheckpointError(t("'{file}' is not a whole safetensors file.", file=path.name)) from error

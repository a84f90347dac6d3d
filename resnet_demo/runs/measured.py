"""What was measured of a checkpoint and is kept beside it, each in a file of its own. Imports no torch."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from resnet_demo.files import is_number, read_json, replace_json
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.directory import RunDirectory


@dataclass(frozen=True)
class Measured:
    """On so many test `images` of `data`. `digest` names the weights that it is of."""

    FILE_NAME: ClassVar[str]
    FORMAT: ClassVar[int] = 1

    digest: str
    data: str
    images: int

    def is_of(self, info: ModelInfo | None) -> bool:
        return info is not None and info.digest == self.digest != ""

    def save(self, run: RunDirectory) -> None:
        """Whole or not at all. Raises OSError."""
        replace_json(run.path / self.FILE_NAME, {"format": self.FORMAT, **self.__dict__})

    @classmethod
    def load(cls, run: RunDirectory) -> Self | None:
        """None where there is none, or none that this version can read: measuring again makes one."""
        stored = read_json(run.path / cls.FILE_NAME)
        if stored is None or stored.get("format") != cls.FORMAT:
            return None
        try:
            found = cls(**{field.name: stored[field.name] for field in fields(cls)})
            plausible = found._is_plausible()
        except (KeyError, TypeError, AttributeError):
            return None
        return found if plausible else None

    @classmethod
    def of(cls, run: RunDirectory, info: ModelInfo | None) -> Self | None:
        """What was measured of these very weights."""
        found = cls.load(run)
        return found if found and found.is_of(info) else None

    def _is_plausible(self) -> bool:
        """May raise TypeError and AttributeError for what is of another kind."""
        texts = isinstance(self.digest, str) and isinstance(self.data, str)
        return texts and type(self.images) is int and self.images > 0


@dataclass(frozen=True)
class BlockAblation(Measured):
    """Accuracies, 0..1: with all blocks, and by block's name without that one."""

    FILE_NAME = "blocks.json"

    accuracy: float
    without: dict[str, float]

    def _is_plausible(self) -> bool:
        return super()._is_plausible() and all(map(_is_share, (self.accuracy, *self.without.values())))


@dataclass(frozen=True)
class LossLandscape(Measured):
    """Cross-entropy at each of `distances` from the weights, along each of the directions:
    `losses[direction][distance]`."""

    FILE_NAME = "loss_slice.json"

    distances: list[float]
    losses: list[list[float]]

    def _is_plausible(self) -> bool:
        lines = (self.distances, *self.losses)
        return (
            super()._is_plausible()
            and len(self.distances) > 1
            and len(lines) > 1
            and all(len(line) == len(self.distances) and all(map(is_number, line)) for line in lines)
            and self.distances == sorted(self.distances)
            and all(loss >= 0 for line in self.losses for loss in line)
        )


def _is_share(value: Any) -> bool:
    return is_number(value) and 0 <= value <= 1

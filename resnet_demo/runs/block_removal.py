"""blocks.json: how often a checkpoint is right without each of its blocks, kept beside it. Imports no torch."""

from dataclasses import dataclass

from resnet_demo.files import is_number, read_json, replace_json
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.directory import RunDirectory

REMOVAL_FORMAT = 1
FILE_NAME = "blocks.json"


@dataclass(frozen=True)
class BlockRemoval:
    """Accuracies, 0..1, on the same `images` test images: with all blocks, and by block's name without that one.
    `digest` names the weights that it is of."""

    digest: str
    data: str
    images: int
    accuracy: float
    without: dict[str, float]

    def is_of(self, info: ModelInfo | None) -> bool:
        return info is not None and info.digest == self.digest != ""


def save_block_removal(run: RunDirectory, found: BlockRemoval) -> None:
    """Whole or not at all. Raises OSError."""
    replace_json(run.path / FILE_NAME, {"format": REMOVAL_FORMAT, **found.__dict__})


def load_block_removal(run: RunDirectory) -> BlockRemoval | None:
    """None where there is none, or none that this version can read: measuring again makes one."""
    stored = read_json(run.path / FILE_NAME)
    if stored is None or stored.get("format") != REMOVAL_FORMAT:
        return None
    try:
        found = BlockRemoval(**{name: stored[name] for name in BlockRemoval.__dataclass_fields__})
        plausible = _is_plausible(found)
    except (KeyError, TypeError, AttributeError):
        return None
    return found if plausible else None


def _is_plausible(found: BlockRemoval) -> bool:
    shares = [found.accuracy, *found.without.values()]
    return (
        isinstance(found.digest, str)
        and isinstance(found.data, str)
        and type(found.images) is int
        and found.images > 0
        and all(is_number(share) and 0 <= share <= 1 for share in shares)
    )

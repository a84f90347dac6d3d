"""The weights that a run begins with where they are not random: another run's, torchvision's, or a file's."""

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import Tensor

from resnet_demo.data.dataset import STARTING, LoadProgress
from resnet_demo.data.download import DownloadError, download, has_checksum, lock_beside
from resnet_demo.models.checkpoint import load_weights
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.config import FROM_FILE, TrainConfig
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.evaluation import flattering
from resnet_demo.runs.store import RunStore
from resnet_demo.training.errors import TrainingError
from resnet_demo.training.outside_weights import (
    UNKNOWN_IMAGES,
    is_ours,
    read_outside_weights,
    refuse_another_network,
    stem_of,
)
from resnet_demo.training.resume_state import DAMAGE
from resnet_demo.training.trainer import Trainer

Found = tuple[dict[str, Tensor], str, tuple[str, ...] | None, tuple[str, ...]]  # weights, stem, classes, warnings

STEM, CLASSIFIER = ("conv1.", "bn1."), "fc."
TORCHVISION_STEM = "imagenet"
WITHOUT_CHECKSUM = (
    "The weights it starts from are an earlier version's, without a checksum: damage would not be noticed."
)


def load_first_weights(
    trainer: Trainer, store: RunStore, data_dir: Path, file: Path | None = None
) -> Iterator[LoadProgress]:
    """Let a new `trainer` begin with the weights that its config names; downloads torchvision's into `data_dir`. `file`
    is the run's copy of the file that it starts from, if it does.

    The classifier stays fresh where the classes differ, and the first layer where the stem does: RunStarted tells.
    Raises TrainingError, RunError, CheckpointError or DataError.
    """
    config = trainer.config
    parent = store.parent(config)
    found: Found
    if parent:
        found = _of_run(parent, trainer)
    elif config.start_from == FROM_FILE and file:
        found = _of_file(file, trainer)
    else:
        path = yield from _fetch(_torchvision_url(config.arch), data_dir)
        found = _read(path), TORCHVISION_STEM, None, ()
    weights, stem, classes, warnings = found
    if classes != trainer.data.classes:
        weights = _without(weights, CLASSIFIER)
        warnings += ("The classes differ from those of the weights it starts from, so the classifier is new.",)
    if stem != trainer.model.spec.stem:
        weights = _without(weights, STEM)
        warnings += (f"The weights it starts from have the stem '{stem}', so the first layer is new.",)
    trainer.load_initial_weights(weights, warnings)


def _of_run(parent: RunDirectory, trainer: Trainer) -> Found:
    weights, info = load_weights(parent.model_path)
    warnings = (*_held_out_warning(trainer.config, parent.config()), *_test_warning(trainer, info))
    started = parent.view().started  # what made the parent's accuracies doubtful has trained these weights, too
    inherited = flattering(started.warnings) if started else ()
    warnings = tuple(dict.fromkeys((*warnings, *inherited)))
    return weights, info.stem, info.classes, (*warnings, *(() if info.digest else (WITHOUT_CHECKSUM,)))


def _of_file(path: Path, trainer: Trainer) -> Found:
    """A checkpoint of ours says what it is; of others names and shapes do, and the classes are not known."""
    stem: str
    classes: tuple[str, ...] | None
    if is_ours(path):
        weights, info = load_weights(path)
        stem, classes, warnings = info.stem, info.classes, _test_warning(trainer, info)
    else:
        weights = read_outside_weights(path)
        stem, classes, warnings = stem_of(weights, trainer.model.spec.stem), None, ()
    refuse_another_network(weights, trainer.model)
    return weights, stem, classes, (*warnings, UNKNOWN_IMAGES)


def _without(weights: dict[str, Tensor], prefix: str | tuple[str, ...]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in weights.items() if not name.startswith(prefix)}


def _held_out_warning(config: TrainConfig, parent: TrainConfig) -> tuple[str, ...]:
    """What the parent was trained on is no measure of the child."""
    if not config.validation_images:
        return ()
    draw = (config.data, config.seed, config.train_images)
    same_draw = draw == (parent.data, parent.seed, parent.train_images)
    if config.data != parent.data or (same_draw and config.validation_images <= parent.validation_images):
        return ()
    return (
        "Images that are held out here may have been trained on by the run it starts from, so the held-out accuracy "
        "may flatter. It does not where seed, training and held-out images stay as they were.",
    )


def _test_warning(trainer: Trainer, parent: ModelInfo) -> tuple[str, ...]:
    """Of other images than the parent's some may have been trained on; other classes are another question anyway."""
    if parent.tested_on in ("", trainer.data.test_digest) or parent.classes != trainer.data.classes:
        return ()
    return (
        "The test images are not those that the run it starts from was tested on. It may have been trained on some of "
        "them, so the test accuracy may flatter.",
    )


# --- torchvision's --------------------------------------------------------------------------------------------


def weights_to_fetch(arch: str, data_dir: Path) -> int:
    """Bytes of torchvision's weights that a new run will fetch before its first step; 0 where they are there."""
    weights = _official(arch)
    return 0 if _kept_at(weights.url, data_dir).is_file() else round(weights.meta["_file_size"] * 2**20)


def _official(arch: str):
    from torchvision.models import get_model_weights  # takes seconds: only where it is asked for

    return get_model_weights(arch).DEFAULT


def _torchvision_url(arch: str) -> str:
    return _official(arch).url


def _kept_at(url: str, data_dir: Path) -> Path:
    return data_dir / "torchvision" / urlsplit(url).path.rpartition("/")[2]


def _checksum(url: str) -> str:
    """torchvision's file names end with the first digits of their SHA-256."""
    return "sha256:" + re.findall(r"-([0-9a-f]{8,})\.pth$", url)[0]


def _fetch(url: str, data_dir: Path) -> Generator[LoadProgress, None, Path]:
    """The path of the whole file."""
    target = _kept_at(url, data_dir)
    checksum = _checksum(url)
    if not has_checksum(target, checksum):
        try:
            with (yield from lock_beside(target)):
                if not has_checksum(target, checksum):  # another may just have fetched it
                    yield from download(url, target, checksum)
        except DownloadError as error:
            raise DownloadError(
                f"{error} Start again once the network is there (what has arrived is kept), or put {target.name} into "
                f"{target.parent.absolute()} by hand, or start from random weights or another run."
            ) from error
    yield LoadProgress(STARTING, 0, 0)
    return target


def _read(path: Path) -> dict[str, Tensor]:
    """Tensors by name; nothing else is unpickled."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except DAMAGE as error:
        raise TrainingError(f"'{path}' cannot be read as weights. Delete it and start again.") from error

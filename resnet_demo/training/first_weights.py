"""The weights that a run begins with where they are not random: another run's, or torchvision's."""

import re
from collections.abc import Generator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import torch
from torch import Tensor

from resnet_demo.data.dataset import STARTING, LoadProgress
from resnet_demo.data.download import DownloadError, download, has_checksum
from resnet_demo.models.checkpoint import load_weights
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.store import RunStore
from resnet_demo.training.resume_state import DAMAGE
from resnet_demo.training.trainer import Trainer, TrainingError

STEM, CLASSIFIER = ("conv1.", "bn1."), "fc."
TORCHVISION_STEM = "imagenet"
WITHOUT_CHECKSUM = (
    "The weights it starts from are an earlier version's, without a checksum: damage would not be noticed."
)


def load_first_weights(trainer: Trainer, store: RunStore, data_dir: Path) -> Iterator[LoadProgress]:
    """Let a new `trainer` begin with the weights that its config names; downloads torchvision's into `data_dir`.

    The classifier stays fresh where the classes differ, and the first layer where the stem does: RunStarted tells.
    Raises TrainingError, RunError, CheckpointError or DataError.
    """
    config = trainer.config
    parent = store.parent(config)
    if parent:
        weights, info = load_weights(parent.model_path)
        stem, classes = info.stem, info.classes
        warnings = (*_held_out_warning(config, parent.config()), *_test_warning(trainer, info))
        warnings += () if info.digest else (WITHOUT_CHECKSUM,)
    else:
        path = yield from _fetch(_torchvision_url(config.arch), data_dir)
        weights, stem, classes, warnings = _read(path), TORCHVISION_STEM, None, ()
    if classes != trainer.classes:
        weights = _without(weights, CLASSIFIER)
        warnings += ("The classes differ from those of the weights it starts from, so the classifier is new.",)
    if stem != trainer.model.spec.stem:
        weights = _without(weights, STEM)
        warnings += (f"The weights it starts from have the stem '{stem}', so the first layer is new.",)
    trainer.load_initial_weights(weights, warnings)


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
    if parent.tested_on in ("", trainer.test_digest) or parent.classes != trainer.classes:
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

"""A checkpoint -> ranked classes for images; the newest one is read again as soon as it is written.

Everything runs on the CPU: one image of 32 pixels takes milliseconds there, and the GPU belongs to the training.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import torch
from PIL import Image
from torch import Tensor

from resnet_demo.data.batches import Normalise, to_tensor
from resnet_demo.data.colours import to_rgb
from resnet_demo.data.decoder import load_image
from resnet_demo.data.framing import prepare
from resnet_demo.inference.folding import fold_norms
from resnet_demo.language import t
from resnet_demo.models.checkpoint import load_model
from resnet_demo.models.checkpoint_info import CheckpointError, ModelInfo
from resnet_demo.models.flip_averaging import answer_logits
from resnet_demo.models.resnet import ResNet
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.store import NO_CHECKPOINT, RunStore
from resnet_demo.runs.text import checkpoint_text
from resnet_demo.training.threads import thread_computing_with

Result = TypeVar("Result")

BATCH = 256
KEPT = 2  # networks held in memory: the newest and one to compare it with
READS = 5  # of a file that is replaced while it is read


@dataclass(frozen=True)
class Prediction:
    """What one checkpoint says of one image."""

    ranked: tuple[tuple[str, float], ...]  # every class with its probability, the likeliest first
    seen: Image.Image  # the image of 32 x 32 that the network was given, before normalisation
    inverted: bool
    info: ModelInfo
    run_id: str | None  # None for a checkpoint file that was named by its path
    trimmed: bool = False  # a wide uniform border was cut off before

    def as_dict(self, top_k: int | None = None) -> dict[str, Any]:
        """For JSON: the first `top_k` classes (None = all) and the checkpoint that answered."""
        return {
            "run": self.run_id,
            "epoch": self.info.epoch,
            "accuracy": self.info.accuracy,
            "calibrated": self.info.calibration is not None,
            "inverted": self.inverted,
            "trimmed": self.trimmed,
            "classes": [{"class": name, "probability": share} for name, share in self.ranked[:top_k]],
        }


class Classifier:
    """One loaded checkpoint. Nothing in it changes, so many threads may ask it at once."""

    def __init__(self, model: ResNet, info: ModelInfo, run_id: str | None = None) -> None:
        self.model, self.info, self.run_id = model, info, run_id
        self.normalise = Normalise(info.mean, info.std)

    @classmethod
    def from_file(cls, path: Path, run_id: str | None = None) -> "Classifier":
        """Raises CheckpointError where `path` is no whole checkpoint of ours. Nothing is unpickled."""
        model, info = load_model(path)
        return cls(fold_norms(model), info, run_id)

    def __repr__(self) -> str:
        of_run = f"{self.run_id}: " if self.run_id else ""
        return f"<{type(self).__name__} {of_run}{checkpoint_text(self.info)}>"

    def classify(self, image: Image.Image | str | PathLike[str], trim: bool = True) -> Prediction:
        """Rank the classes for an image.

        A file's path: any format that the page takes, decoded in a process of its own under limits; `trim` cuts off
        a wide uniform border. An image in memory, of any size: taken as it stands, neither turned by its EXIF data nor
        trimmed. Raises ImageError, a UserError, for a file that is no image or too large.
        """
        if isinstance(image, Image.Image):
            rgb = image if image.mode == "RGB" else to_rgb(image)
            return on_one_core(self.classify_batch, [rgb])[0]
        decoded = load_image(Path(image), trim)
        return replace(on_one_core(self.classify_batch, [decoded.image])[0], trimmed=decoded.trimmed)

    def classify_batch(self, images: Sequence[Image.Image]) -> list[Prediction]:
        """The same for RGB images."""
        prepared = [prepare(image, self.info.light_on_dark) for image in images]
        if not prepared:
            return []
        shares = self.probabilities(to_tensor([seen for seen, _ in prepared]))
        return [
            Prediction(self._ranked(row), seen, inverted, self.info, self.run_id)
            for row, (seen, inverted) in zip(shares, prepared, strict=True)
        ]

    def probabilities(self, images: Tensor) -> Tensor:
        """uint8 (N, 3, 32, 32) -> float64 (N, classes), calibrated where the checkpoint is. Raises CheckpointError."""
        return self.calibrated(self.answers(self.logits(images), images))

    def answers(self, logits: Tensor, images: Tensor) -> Tensor:
        """What it answers by, of the images' logits: these, or where its run chose that (`flip_averaging`) their mean
        with the mirror images'. Raises CheckpointError."""
        return answer_logits(self.logits, images, logits, self.info.flip_averaging)

    def calibrated(self, logits: Tensor) -> Tensor:
        """(N, classes) -> float64 (N, classes): probabilities at the checkpoint's temperature, 1 where it has none."""
        return (logits.double() / self.info.temperature).softmax(1)

    @torch.inference_mode()
    def logits(self, images: Tensor) -> Tensor:
        """uint8 (N, 3, 32, 32) -> float32 (N, classes): what training evaluates, for images already prepared. Raises
        CheckpointError where an answer is not a number."""
        answers = torch.cat([self.model(self.normalise(part)) for part in images.split(BATCH)])
        check_finite(answers)
        return answers

    def _ranked(self, shares: Tensor) -> tuple[tuple[str, float], ...]:
        ordered = shares.sort(descending=True, stable=True)
        pairs = zip(ordered.indices.tolist(), ordered.values.tolist(), strict=True)
        return tuple((self.info.classes[index], share) for index, share in pairs)


# One image needs one core. Beside a training that holds all of them, threads that wait for each other take 0.5 s where
# one alone takes 0.02 s (ResNet-50, 2 cores).
_alone = thread_computing_with(1, "answers")


def on_one_core(ask: Callable[..., Result], *given: Any) -> Result:
    """What `ask(*given)` returns; who asks for one image waits for whoever asked before."""
    return _alone.submit(ask, *given).result()


def check_finite(*found: Tensor) -> None:
    """Raises CheckpointError."""
    if not all(numbers.isfinite().all() for numbers in found):
        raise CheckpointError(
            "This checkpoint's answer is not a number: its weights are damaged, or its training went astray. Choose "
            "another checkpoint."
        )


class ClassifierCache:
    """The last KEPT networks that were asked. Safe to ask from many threads."""

    def __init__(self) -> None:
        self._loaded: OrderedDict[Path, tuple[tuple[int, int], Classifier]] = OrderedDict()  # oldest use first
        self._guard = threading.Lock()

    def get(self, run: RunDirectory) -> Classifier:
        """The run's checkpoint as it is on disk now. Raises CheckpointError where it has no whole one."""
        with self._guard:  # whoever asks for what is being loaded waits for it instead of loading it twice
            return self._current(run.model_path, run.id)

    def _current(self, path: Path, run_id: str) -> Classifier:
        """Read again until the file is the same before and after, so that header and weights are of one save."""
        for _ in range(READS):
            version = _version(path, run_id)
            known, classifier = self._loaded.get(path, (None, None))
            if classifier and known == version:
                self._loaded.move_to_end(path)
                return classifier
            self._loaded.pop(path, None)  # before the next is read: the old weights make room
            while len(self._loaded) >= KEPT:
                self._loaded.popitem(last=False)
            classifier = Classifier.from_file(path, run_id)
            if _version(path, run_id) == version:
                self._loaded[path] = (version, classifier)
                return classifier
        raise CheckpointError(
            t("The checkpoint of '{run}' is being replaced all the time. Try again in a moment.", run=run_id)
        )


class Predictor:
    """Answers from a store's newest checkpoint, or from the run that was chosen. Safe to ask from many threads."""

    def __init__(self, store: RunStore, networks: ClassifierCache | None = None) -> None:
        """`networks` are what several predictors share, so that memory holds no more of them."""
        self.store, self.networks = store, networks or ClassifierCache()

    def classify(self, image: Image.Image, run_id: str | None = None) -> Prediction:
        """Raises CheckpointError or RunError where there is no usable checkpoint."""
        return self.classifier(run_id).classify(image)

    def classify_batch(self, images: Sequence[Image.Image], run_id: str | None = None) -> list[Prediction]:
        """All answers are of the same checkpoint. Raises CheckpointError or RunError."""
        return self.classifier(run_id).classify_batch(images)

    def classifier(self, run_id: str | None = None) -> Classifier:
        """The run's checkpoint as it is on disk now; None means the newest of all runs.

        Raises RunError where there is no such run, CheckpointError where it has no whole checkpoint.
        """
        run = self.store.latest_model() if run_id is None else self.store.get(run_id)
        if run is None:
            raise CheckpointError(NO_CHECKPOINT)
        return self.networks.get(run)


def _version(path: Path, run_id: str) -> tuple[int, int]:
    """Changes whenever the file is replaced."""
    try:
        status = path.stat()
    except OSError as error:
        raise CheckpointError(
            t(
                "The run '{run}' has no checkpoint yet. A training saves its first after a minute, or at the end of "
                "the first epoch if that comes sooner.",
                run=run_id,
            )
        ) from error
    return status.st_mtime_ns, status.st_size

"""Which places of an image speak for a class: Grad-CAM, and covering places one by one as its control.

Both by captum, which is kept and light (0.5 MB; all that it needs is here anyway). They ask the network as it was
trained, not the one whose norms are folded, and like every answer they take one core.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from resnet_demo.data.batches import Normalise, to_tensor
from resnet_demo.data.framing import SIZE, prepare
from resnet_demo.inference.predictor import check_finite, on_one_core
from resnet_demo.models.checkpoint import load_model
from resnet_demo.models.checkpoint_info import CheckpointError, ModelInfo
from resnet_demo.models.flip_averaging import answer_logits
from resnet_demo.models.resnet import ResNet

LEAST_SIDE = 4  # of a map that can still say where
PATCH, STRIDE = 8, 4  # pixels of the square that is covered, and between two of them
AT_ONCE = 64  # covered images


@dataclass(frozen=True)
class GradCam:
    """Selvaraju et al. 2017 (arXiv:1610.02391) for one class: `map` is float32 (32, 32), 0..1, 1 where most speaks for
    it; all 0 where nothing does. `stage` counts from 1, `side` is of its map."""

    label: str
    probability: float  # calibrated where the checkpoint is
    map: np.ndarray
    stage: int
    stages: int
    side: int
    info: ModelInfo


@dataclass(frozen=True)
class Occlusion:
    """How much the class's probability falls, on average over the squares that cover a pixel: float32 (32, 32), below 0
    where it rises. `largest_fall` is that of one square, 0..1."""

    map: np.ndarray
    largest_fall: float


class Explainer:
    """One loaded checkpoint with its norms. Safe to ask from many threads: the work is done on one."""

    def __init__(self, model: ResNet, info: ModelInfo) -> None:
        self.model, self.info = model.eval(), info
        self.normalise = Normalise(info.mean, info.std)
        self.stage, self.side = explained_stage(model)

    @classmethod
    def from_file(cls, path: Path) -> "Explainer":
        """Raises CheckpointError where `path` is no whole checkpoint of ours."""
        return cls(*load_model(path))

    def grad_cam(self, image: Image.Image, label: str) -> GradCam:
        """For an RGB image of any size and one of the classes. Raises CheckpointError for another class."""
        return on_one_core(self._grad_cam, image, self._place(label))

    def occlusion(self, image: Image.Image, label: str) -> Occlusion:
        """The same by covering squares of the image with the training images' mean colour."""
        return on_one_core(self._occlusion, image, self._place(label))

    def _place(self, label: str) -> int:
        if label not in self.info.classes:
            raise CheckpointError("This checkpoint knows no such class. Choose one that it has answered with.")
        return self.info.classes.index(label)

    def _input(self, image: Image.Image) -> Tensor:
        return self.normalise(to_tensor([prepare(image, self.info.light_on_dark)[0]]))

    def _probabilities(self, images: Tensor) -> Tensor:
        """As Classify's are."""
        logits = answer_logits(self.model, images, self.model(images), self.info.flip_averaging)
        return (logits / self.info.temperature).softmax(1)

    def _grad_cam(self, image: Image.Image, place: int) -> GradCam:
        from captum.attr import LayerAttribution, LayerGradCam

        given = self._input(image)
        method = LayerGradCam(self.model, self.model.stages[self.stage - 1])
        found = method.attribute(given, target=place, relu_attributions=True).detach()
        large = LayerAttribution.interpolate(found, (SIZE, SIZE), "bilinear")[0, 0]
        with torch.no_grad():
            probability = self._probabilities(given)[0, place]
        check_finite(probability, large)
        largest = large.max()
        return GradCam(
            label=self.info.classes[place],
            probability=probability.item(),
            map=(large / largest if largest > 0 else large).numpy(),
            stage=self.stage,
            stages=len(self.model.stages),
            side=self.side,
            info=self.info,
        )

    @torch.no_grad()
    def _occlusion(self, image: Image.Image, place: int) -> Occlusion:
        from captum.attr import Occlusion as OcclusionMethod

        given, falls = self._input(image), []

        def probability(images: Tensor) -> Tensor:
            answered = self._probabilities(images)[:, place]
            falls.append(answered)
            return answered

        shapes, strides = (3, PATCH, PATCH), (3, STRIDE, STRIDE)
        method = OcclusionMethod(probability)
        found = method.attribute(given, shapes, strides, perturbations_per_eval=AT_ONCE)[0].mean(0)
        covered = torch.cat(falls)
        check_finite(covered, found)
        return Occlusion(found.float().numpy(), max(0.0, (covered[0] - covered.min()).item()))


def grad_cam_over_epochs(paths: Sequence[Path], image: Image.Image, label: str) -> list[GradCam]:
    """Grad-CAM by each of a run's kept checkpoints, one after the other in memory. Raises CheckpointError."""
    return [Explainer.from_file(path).grad_cam(image, label) for path in paths]


def explained_stage(model: ResNet) -> tuple[int, int]:
    """The last stage whose map has at least LEAST_SIDE places a side at 32 pixels, from 1, and that side: measured. The
    deeper a map the more it means, but with the imagenet stem the last one has a single place."""
    sides = []
    hooks = [stage.register_forward_hook(lambda module, x, y: sides.append(y.shape[-1])) for stage in model.stages]
    weight = next(model.parameters())
    with torch.no_grad():
        model(torch.zeros(1, 3, SIZE, SIZE, dtype=weight.dtype))
    for hook in hooks:
        hook.remove()
    stage = max(number for number, side in enumerate(sides, 1) if side >= LEAST_SIDE or number == 1)
    return stage, sides[stage - 1]

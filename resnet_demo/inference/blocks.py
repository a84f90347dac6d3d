"""What each residual block adds to an image on its way through a checkpoint, and what the answer is without it.

A block that is switched off keeps its shortcut and loses its branch: `relu(F(x) + shortcut(x))` becomes
`relu(shortcut(x))`, so a Conv Block keeps its projection. A plain block, which has no shortcut, lets nothing through.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from resnet_demo.data.batches import to_tensor
from resnet_demo.data.examples import known_examples
from resnet_demo.data.framing import fit
from resnet_demo.data.known import CIFAR10
from resnet_demo.inference.predictor import Classifier
from resnet_demo.models.blocks import ResidualBlock
from resnet_demo.models.catalog import NetworkSpec
from resnet_demo.models.flip_averaging import answer_logits
from resnet_demo.models.resnet import ResNet

MAPS = 8  # channels shown of an opened block


@dataclass(frozen=True)
class BlockPass:
    """One block for one image. `ratio` is |F(x)| / |shortcut(x)| over the whole map (Euclidean), of a block that is off
    what it would be; None for a plain block, and where the shortcut carries nothing."""

    name: str
    ratio: float | None
    is_off: bool


@dataclass(frozen=True, eq=False)
class OpenedBlock:
    """The channels of F(x) that are strongest by their norm, the strongest first, and the same channels of what goes
    round it, None in a plain block, and of what leaves the block: float32 (MAPS, h, w) each; of fewer channels all."""

    name: str
    channels: tuple[int, ...]
    residual: Tensor
    shortcut: Tensor | None
    output: Tensor


@dataclass(frozen=True, eq=False)
class Pass:
    """An image's way through a network whose blocks may be switched off."""

    blocks: tuple[BlockPass, ...]
    probabilities: tuple[float, ...]  # in the order of the checkpoint's classes
    intact: tuple[float, ...]  # with all blocks on
    opened: OpenedBlock | None


def named_blocks(model: ResNet) -> dict[str, ResidualBlock]:
    """Every block by its name in the network, in the order in which an image meets them."""
    return {name: module for name, module in model.named_modules() if isinstance(module, ResidualBlock)}


def without_residual(block: ResidualBlock, x: Tensor) -> Tensor:
    """What leaves a block whose F is set to zero, in the shape of what leaves it otherwise."""
    return torch.zeros_like(block(x)) if block.is_plain else torch.relu(block.shortcut(x))


def pass_through(classifier: Classifier, image: Tensor, off: Collection[str], opened: str | None = None) -> Pass:
    """The way of one prepared image, uint8 (1, 3, 32, 32), with the blocks named in `off` switched off. Names that are
    none are passed over. The probabilities are calibrated, as Classify's are."""
    with torch.inference_mode():
        x = classifier.normalise(image)
        logits, blocks, shown = _walk(classifier.model, x, off, opened)
        flip_averaging = classifier.info.flip_averaging
        logits = answer_logits(lambda y: _walk(classifier.model, y, off, None)[0], x, logits, flip_averaging)
        intact = classifier.answers(classifier.model(x), image) if any(block.is_off for block in blocks) else logits
        answer, whole = (tuple(classifier.calibrated(found)[0].tolist()) for found in (logits, intact))
        return Pass(tuple(blocks), answer, whole, shown)


def _walk(model: ResNet, x: Tensor, off: Collection[str], opened: str | None):
    x, passes, shown = model.stem(x), [], None
    for name, block in named_blocks(model).items():
        branch = block.residual(x)
        side = None if block.is_plain else block.shortcut(x)
        passes.append(BlockPass(name, None if side is None else _ratio(branch, side), name in off))
        kept = (branch.clone(), None if side is None else side.clone()) if name == opened else None
        x = without_residual(block, x) if name in off else torch.relu(branch if side is None else branch + side)
        if kept is not None:
            shown = _opened(name, *kept, x)
    return model.head(x), passes, shown


def _ratio(branch: Tensor, side: Tensor) -> float | None:
    size = side.norm().item()
    return branch.norm().item() / size if size else None


def _opened(name: str, residual: Tensor, shortcut: Tensor | None, output: Tensor) -> OpenedBlock:
    strongest = residual[0].flatten(1).norm(dim=1).argsort(descending=True, stable=True)[:MAPS]
    return OpenedBlock(
        name=name,
        channels=tuple(strongest.tolist()),
        residual=residual[0, strongest].clone(),
        shortcut=None if shortcut is None else shortcut[0, strongest].clone(),
        output=output[0, strongest].clone(),
    )


@lru_cache(maxsize=16)
def untrained_ratios(spec: NetworkSpec) -> tuple[float | None, ...]:
    """Of a network of this shape with random weights, the ratio of each block, over the drawn examples together. Their
    own statistics stand in its norms, since it has seen no others."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = ResNet(spec).train()
        images = to_tensor([fit(example.image) for example in known_examples("cifar10", CIFAR10.classes)]).float()
        x = (images - images.mean((0, 2, 3), keepdim=True)) / images.std((0, 2, 3), keepdim=True)
        return tuple(block.ratio for block in _walk(model, x, (), None)[1])

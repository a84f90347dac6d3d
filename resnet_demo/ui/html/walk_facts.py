"""What the walk through the Architecture tab takes its numbers from: the networks that it draws, a checkpoint, the
paper, and what was measured for docs/experiments.md. Imports neither gradio nor torch."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from resnet_demo.models.catalog import NetworkSpec
from resnet_demo.runs.measured import BlockAblation

if TYPE_CHECKING:  # brings torch
    from resnet_demo.models.describe import BlockDescription, LayerDescription, NetworkDescription, StageDescription

PAPER = "https://arxiv.org/abs/1512.03385"  # He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition
OPTIONS_ON_IMAGENET = {"A": 0.2503, "B": 0.2452, "C": 0.2419}  # its table 3: top-1 error of ResNet-34
RESNET_ON_CIFAR10 = {20: 0.0875, 56: 0.0697}  # its table 6: test error
# docs/experiments.md, "Degradation on two cores": training error by seed, after that many steps on so many digits.
MEASURED_IMAGES, MEASURED_STEPS = 256, 1280
MEASURED = {
    "Plain-18": (0.094, 0.102, 0.086),
    "Plain-34": (0.641, 0.773, 0.828),
    "ResNet-18": (0.0, 0.0, 0.004),
    "ResNet-34": (0.152, 0.043, 0.027),
}

PLAIN20, PLAIN56, RESNET56 = NetworkSpec("plain20"), NetworkSpec("plain56"), NetworkSpec("resnet56")
RESNET34, RESNET50, RESNET152 = NetworkSpec("resnet34"), NetworkSpec("resnet50"), NetworkSpec("resnet152")
OF_THE_ARTICLE = NetworkSpec("resnet50_article")
KEEPS_EVERY_PLACE = NetworkSpec("resnet50", stem="cifar")
OPTIONS = {name: NetworkSpec("resnet50", shortcut=name) for name in OPTIONS_ON_IMAGENET}


@dataclass(frozen=True)
class Trained:
    """The checkpoint whose blocks the tab shows, of which one has been switched off."""

    off: str
    is_plain: bool
    ablation: BlockAblation | None
    own_image: bool = False  # the visitor's, and not the example that needs the block most


@dataclass(frozen=True)
class Facts:
    """What the steps take their numbers from. `trained` is None where no run has a checkpoint."""

    measured: "Callable[[NetworkSpec], NetworkDescription]"  # for images of 32 pixels a side
    trained: Trained | None = None


@dataclass(frozen=True)
class Said:
    title: str
    sentences: list[str]


def blocks_of(network: "NetworkDescription") -> "list[BlockDescription]":
    return [block for stage in network.stages for block in stage.blocks]


def first_block(stage: "StageDescription", kind: str) -> "BlockDescription":
    return next(block for block in stage.blocks if block.kind == kind)


def count_blocks(stage: "StageDescription", kind: str) -> int:
    return sum(block.kind == kind for block in stage.blocks)


def sums_of(layers: "Iterable[LayerDescription]") -> tuple[int, int]:
    """Parameters and multiply-adds."""
    layers = list(layers)
    return sum(layer.parameters for layer in layers), sum(layer.multiply_adds for layer in layers)


def times(ratio: float) -> str:
    return f"{ratio:.1f}"


def cited_percent(share: float) -> str:
    """With both digits that the source gives."""
    return f"{100 * share:.2f} %"


def in_the_paper(place: str) -> str:
    return f'<a href="{PAPER}" target="_blank" rel="noopener">{place}</a>'

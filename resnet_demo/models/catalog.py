"""The names of networks and stems, as plain data: the page offers them before torch is imported."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """How many blocks of which kind: arXiv:1512.03385, table 1."""

    label: str
    block: str  # "basic" or "bottleneck"
    depths: tuple[int, int, int, int]


@dataclass(frozen=True)
class Stem:
    """The first convolution, and whether a 3x3 max-pool of stride 2 follows it."""

    label: str
    kernel_size: int
    stride: int
    pool: bool


ARCHITECTURES = {
    "resnet18": Architecture("ResNet-18", "basic", (2, 2, 2, 2)),
    "resnet34": Architecture("ResNet-34", "basic", (3, 4, 6, 3)),
    "resnet50": Architecture("ResNet-50", "bottleneck", (3, 4, 6, 3)),
    "resnet101": Architecture("ResNet-101", "bottleneck", (3, 4, 23, 3)),
    "resnet152": Architecture("ResNet-152", "bottleneck", (3, 8, 36, 3)),
}

STEMS = {
    "imagenet": Stem("imagenet: 7x7, stride 2, then max-pool (the paper's)", 7, 2, True),
    "compact": Stem("compact: 3x3, stride 2", 3, 2, False),
    "cifar": Stem("cifar: 3x3, stride 1 (keeps all 32 pixels)", 3, 1, False),
}

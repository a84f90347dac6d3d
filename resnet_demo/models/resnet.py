"""The ResNet family of He et al. 2015 (arXiv:1512.03385), table 1, with a choice of stems for small pictures."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from resnet_demo.models.blocks import BasicBlock, Bottleneck, ResidualBlock
from resnet_demo.models.catalog import ARCHITECTURES, STEMS

BLOCKS: dict[str, type[ResidualBlock]] = {"basic": BasicBlock, "bottleneck": Bottleneck}
STAGE_CHANNELS = (64, 128, 256, 512)  # width of the residual branch in each stage


@dataclass(frozen=True)
class NetworkSpec:
    """What it takes to build a network again: the names, not the weights."""

    arch: str = "resnet50"
    stem: str = "imagenet"
    num_classes: int = 10


class ResNet(nn.Module):
    """Stem, four stages of residual blocks, global average pool, linear classifier.

    Maps (N, 3, H, W) to logits (N, num_classes). State-dict keys equal torchvision's.
    """

    def __init__(self, spec: NetworkSpec, zero_init_residual: bool = False) -> None:
        super().__init__()
        if spec.arch not in ARCHITECTURES:
            raise ValueError(f"There is no network '{spec.arch}'. Choose one of {', '.join(ARCHITECTURES)}.")
        if spec.stem not in STEMS:
            raise ValueError(f"There is no stem '{spec.stem}'. Choose one of {', '.join(STEMS)}.")
        self.spec = spec
        architecture, stem = ARCHITECTURES[spec.arch], STEMS[spec.stem]
        self.conv1 = nn.Conv2d(3, 64, stem.kernel_size, stride=stem.stride, padding=stem.kernel_size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if stem.pool else nn.Identity()
        block = BLOCKS[architecture.block]
        in_channels = 64
        for index, (channels, depth) in enumerate(zip(STAGE_CHANNELS, architecture.depths, strict=True)):
            stage = _stage(block, in_channels, channels, depth, stride=1 if index == 0 else 2)
            setattr(self, f"layer{index + 1}", stage)
            in_channels = channels * block.expansion
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(in_channels, spec.num_classes)
        self._initialise(zero_init_residual)

    @property
    def stages(self) -> list[nn.Sequential]:
        return [self.layer1, self.layer2, self.layer3, self.layer4]

    def stem(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 64, h, w): the only layers that see the picture's full size."""
        return self.maxpool(self.relu(self.bn1(self.conv1(x))))

    def head(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> logits (N, num_classes)."""
        return self.fc(self.flatten(self.avgpool(x)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.head(x)

    def _initialise(self, zero_init_residual: bool) -> None:
        """He et al. 2015 (arXiv:1502.01852) for convolutions; the linear layer keeps PyTorch's default.

        With `zero_init_residual` every block starts as its shortcut alone (Goyal et al. 2017,
        arXiv:1706.02677, section 5.1).
        """
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif zero_init_residual and isinstance(module, ResidualBlock):
                nn.init.zeros_(module.last_norm.weight)


def _stage(block: type[ResidualBlock], in_channels: int, channels: int, depth: int, stride: int):
    """One block that changes the shape, then blocks that keep it."""
    first = block(in_channels, channels, stride)
    rest = [block(channels * block.expansion, channels) for _ in range(depth - 1)]
    return nn.Sequential(first, *rest)


def build_on_meta(spec: NetworkSpec) -> ResNet:
    """The network without memory for its weights: shapes can be asked of it, numbers cannot."""
    with torch.device("meta"):
        return ResNet(spec)

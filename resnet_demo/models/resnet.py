"""The family of He et al. 2015 (arXiv:1512.03385), residual and plain, from one builder: the networks of table 1 with a
choice of stems for small images, the small ones of section 4.2, and the source article's variant."""

import torch
from torch import Tensor, nn

from resnet_demo.models.blocks import ArticleBottleneck, BasicBlock, Bottleneck, ResidualBlock
from resnet_demo.models.catalog import STEMS, Architecture, NetworkSpec

BLOCKS: dict[str, type[ResidualBlock]] = {
    "basic": BasicBlock,
    "bottleneck": Bottleneck,
    "article": ArticleBottleneck,
}


class ResNet(nn.Module):
    """Stem, three or four stages of blocks, global average pool, linear classifier.

    Maps (N, 3, H, W) to logits (N, num_classes). State-dict keys equal torchvision's.
    """

    def __init__(self, spec: NetworkSpec, zero_init_residual: bool = False) -> None:
        super().__init__()
        self.spec = spec
        architecture, stem = spec.architecture, STEMS[spec.stem]
        bare, width = architecture.bare_stem, architecture.channels[0]
        self.conv1 = nn.Conv2d(3, width, stem.kernel_size, stem.stride, padding=stem.kernel_size // 2, bias=bare)
        self.bn1 = nn.Identity() if bare else nn.BatchNorm2d(width)
        self.relu = nn.Identity() if bare else nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if stem.pool else nn.Identity()
        in_channels = width
        for index in range(len(architecture.depths)):
            setattr(self, f"layer{index + 1}", _stage(architecture, spec.shortcut, index, in_channels))
            in_channels = architecture.channels[index] * BLOCKS[architecture.block].expansion
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(in_channels, spec.num_classes)
        self._initialise(zero_init_residual)

    @property
    def stages(self) -> list[nn.Sequential]:
        return [getattr(self, f"layer{index + 1}") for index in range(len(self.spec.architecture.depths))]

    def stem(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C, h, w): the only layers that see the image's full size."""
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
        arXiv:1706.02677, section 5.1). A plain block has none: it would start as nothing, and let nothing through.
        On the meta device there is nothing to fill.
        """
        if self.conv1.weight.is_meta:
            return
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif zero_init_residual and isinstance(module, ResidualBlock) and not module.is_plain:
                nn.init.zeros_(module.last_norm.weight)


def _stage(architecture: Architecture, shortcut: str, index: int, in_channels: int) -> nn.Sequential:
    """One block that changes the shape, then blocks that keep it."""
    block, channels = BLOCKS[architecture.block], architecture.channels[index]
    projected = architecture.projected[index] if architecture.projected else ()
    usual = "B" if shortcut == "article" else shortcut
    blocks = []
    for number in range(architecture.depths[index]):
        stride = 2 if index > 0 and number == 0 else 1
        blocks.append(block(in_channels, channels, stride, "C" if number in projected else usual))
        in_channels = channels * block.expansion
    return nn.Sequential(*blocks)


def build_on_meta(spec: NetworkSpec) -> ResNet:
    """The network without memory for its weights: shapes can be asked of it, numbers cannot."""
    with torch.device("meta"):
        return ResNet(spec)

"""The two residual blocks of He et al. 2015 (arXiv:1512.03385), section 3.3 and figure 5.

Both compute `relu(F(x) + shortcut(x))`. The shortcut is the identity where the shapes agree (the *Identity
Block*) and a 1x1 convolution with batch norm where they do not (the *Conv Block*, the paper's option B).
"""

from torch import Tensor, nn

from resnet_demo.models.small_maps import SmallMapConv2d


def convolution(in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution that keeps the map's size but for its stride; batch norm follows, so it has no bias."""
    return SmallMapConv2d(in_channels, out_channels, kernel_size, stride)


class ResidualBlock(nn.Module):
    """What BasicBlock and Bottleneck share: the sum, and the choice of shortcut.

    Module names are torchvision's, so that weights travel both ways.
    """

    expansion: int  # output channels / width of the residual branch

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                convolution(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels)
            )

    def residual(self, x: Tensor) -> Tensor:
        """F(x): (N, C_in, H, W) -> (N, C_out, H / stride, W / stride). The block writes its sum over the result: who
        wants F asks for it here, since a hook on the last norm would see the sum."""
        raise NotImplementedError

    def shortcut(self, x: Tensor) -> Tensor:
        """x itself, or its projection to the shape of F(x)."""
        return x if self.downsample is None else self.downsample(x)

    def forward(self, x: Tensor) -> Tensor:
        y = self.residual(x)
        y += self.shortcut(x)  # in place: the norm that ends the branch does not need its result for its gradient
        return self.relu(y)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The norm that ends the residual branch: started at zero, the block starts as its shortcut."""
        raise NotImplementedError


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions; ResNet-18 and ResNet-34 are made of it."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, channels, stride)
        self.conv1 = convolution(in_channels, channels, 3, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = convolution(channels, channels, 3)
        self.bn2 = nn.BatchNorm2d(channels)

    def residual(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(x))

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn2


class Bottleneck(ResidualBlock):
    """1x1 to a quarter of the channels, 3x3, 1x1 back; ResNet-50 and deeper are made of it.

    The stride sits on the 3x3 convolution, as in torchvision ('v1.5'); the paper puts it on the first 1x1.
    """

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__(in_channels, channels, stride)
        self.conv1 = convolution(in_channels, channels, 1)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = convolution(channels, channels, 3, stride)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = convolution(channels, channels * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(channels * self.expansion)

    def residual(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn3

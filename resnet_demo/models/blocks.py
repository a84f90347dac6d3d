"""The residual blocks of He et al. 2015 (arXiv:1512.03385), section 3.3 and figure 5, and their plain twins.

A residual block computes `relu(F(x) + shortcut(x))`. Where the shapes agree its shortcut is the identity (the *Identity
Block*). Where they do not, it pads x with zeros (option A) or projects it by a 1x1 convolution with batch norm (option
B, the *Conv Block*); with option C each shortcut is a projection. A plain block has no shortcut: `relu(F(x))`.
"""

from torch import Tensor, nn
from torch.nn.functional import pad

from resnet_demo.models.small_maps import SmallMapConv2d


class ZeroPadding(nn.Module):
    """The shortcut of option A: each `stride`-th pixel of x, and zeros for the channels that it lacks.

    (N, C_in, H, W) -> (N, C_out, H / stride, W / stride). Nothing to learn.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride, self.added_channels = stride, out_channels - in_channels

    def forward(self, x: Tensor) -> Tensor:
        return pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added_channels))


class ResidualBlock(nn.Module):
    """What BasicBlock and Bottleneck share: the sum, and the shortcut, which is 'A', 'B', 'C' or 'none'.

    Module names are torchvision's, so that weights travel both ways.
    """

    expansion: int  # output channels / width of the residual branch
    biased = False  # batch norm follows each convolution, so a bias would change nothing

    def __init__(self, in_channels: int, channels: int, stride: int = 1, shortcut: str = "B") -> None:
        super().__init__()
        out_channels = channels * self.expansion
        self.relu = nn.ReLU(inplace=True)
        self.is_plain = shortcut == "none"
        self.downsample: nn.Module | None = None
        changes = stride != 1 or in_channels != out_channels
        if shortcut == "C" or (shortcut == "B" and changes):
            self.downsample = nn.Sequential(
                self.convolution(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels)
            )
        elif shortcut == "A" and changes:
            self.downsample = ZeroPadding(in_channels, out_channels, stride)

    def convolution(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1) -> nn.Conv2d:
        """A convolution that keeps the map's size but for its stride."""
        return SmallMapConv2d(in_channels, out_channels, kernel_size, stride, bias=self.biased)

    def residual(self, x: Tensor) -> Tensor:
        """F(x): (N, C_in, H, W) -> (N, C_out, H / stride, W / stride). The block writes its sum over the result: who
        wants F asks for it here, since a hook on the last norm would see the sum."""
        raise NotImplementedError

    def shortcut(self, x: Tensor) -> Tensor:
        """x itself, or x made to the shape of F(x). A plain block, which adds nothing, is never asked."""
        return x if self.downsample is None else self.downsample(x)

    def forward(self, x: Tensor) -> Tensor:
        y = self.residual(x)
        if not self.is_plain:
            y += self.shortcut(x)  # in place: the norm that ends the branch does not need its result for its gradient
        return self.relu(y)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The norm that ends the residual branch: started at zero, the block starts as its shortcut."""
        raise NotImplementedError


class BasicBlock(ResidualBlock):
    """Two 3x3 convolutions; ResNet-18, ResNet-34 and the small networks are made of it."""

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1, shortcut: str = "B") -> None:
        super().__init__(in_channels, channels, stride, shortcut)
        self.conv1 = self.convolution(in_channels, channels, 3, stride)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = self.convolution(channels, channels, 3)
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
    strides_first = False

    def __init__(self, in_channels: int, channels: int, stride: int = 1, shortcut: str = "B") -> None:
        super().__init__(in_channels, channels, stride, shortcut)
        first, second = (stride, 1) if self.strides_first else (1, stride)
        self.conv1 = self.convolution(in_channels, channels, 1, first)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = self.convolution(channels, channels, 3, second)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = self.convolution(channels, channels * self.expansion, 1)
        self.bn3 = nn.BatchNorm2d(channels * self.expansion)

    def residual(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn3


class ArticleBottleneck(Bottleneck):
    """The source article's: a bias on each convolution, and the stride on the first one, as in the paper."""

    biased = True
    strides_first = True

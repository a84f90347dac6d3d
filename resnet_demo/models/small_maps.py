"""Convolutions at maps of few places, written as matrix products, for the CPU.

At 32 px and the `imagenet` stem the last two stages of a ResNet have maps of 2x2 and 1x1. The CPU library is made
for wide maps: there it multiplies the padding, too, and takes up to thirty times the needed time for the gradient
of the weight, in float32 and in bfloat16. With this few places a convolution is a handful of matrix products. In
bfloat16 they are ahead at the 4x4 maps of the stage before as well, where the kernel is 1x1. What each is worth:
benchmarks/convolutions.py.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import linear

SMALLEST_BATCH = 8  # below, starting many small products costs more than they save


def largest_side(kernel_size: int, precision: torch.dtype) -> int:
    """Of the output map, in pixels: on larger ones the library is as fast (AVX-512) or nearly so (AVX2). A 1x1
    convolution is one product however large the map is, which in bfloat16 stays ahead a little longer."""
    return 4 if kernel_size == 1 and precision == torch.bfloat16 else 2


class SmallMapConv2d(nn.Conv2d):
    """An odd convolution that keeps the map's size but for its stride: Conv2d with padding = kernel_size // 2.
    Numbers, parameters and state dict are those of nn.Conv2d; only the way to the
    numbers differs, and only where it is measured to be faster.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, bias: bool = False
    ) -> None:
        if kernel_size % 2 == 0:
            raise ValueError(f"The kernel needs a centre: its size must be odd, not {kernel_size}.")
        super().__init__(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        if not self._is_faster_as_products(x):
            return super().forward(x)
        precision = self._precision(x)
        product = _pointwise if self.kernel_size == (1, 1) else _RowProducts.apply
        y = product(x.to(precision), self.weight.to(precision), self.stride[0])
        return y if self.bias is None else y + self.bias.to(precision)[:, None, None]

    def _is_faster_as_products(self, x: Tensor) -> bool:
        """By shape, layout and kind of number alone, never by timing, so that a seed gives one result."""
        if torch.compiler.is_compiling() or torch.jit.is_tracing():
            return False  # compiled, exported or traced, a convolution stays one
        precision = self._precision(x)
        return (
            x.device.type == "cpu"
            and precision in (torch.bfloat16, torch.float32, torch.float64)
            and x.ndim == 4
            and x.shape[0] >= SMALLEST_BATCH
            and max(x.shape[2:]) <= largest_side(self.kernel_size[0], precision) * self.stride[0]
            and x.is_contiguous(memory_format=torch.channels_last)
            and self.weight.is_contiguous(memory_format=torch.channels_last)
        )

    def _precision(self, x: Tensor) -> torch.dtype | None:
        """What nn.Conv2d would compute in: autocast's choice, where it is on and the numbers are no float64. None for
        two kinds of number that it refuses to mix."""
        kinds = {x.dtype, self.weight.dtype}
        if torch.is_autocast_enabled("cpu") and torch.float64 not in kinds:
            return torch.get_autocast_dtype("cpu")
        return x.dtype if len(kinds) == 1 else None


def _pointwise(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """A 1x1 convolution: one product of the places, (N·H·W, C_in), with the weight, (C_in, C_out)."""
    places = x.permute(0, 2, 3, 1)  # in channels_last memory this is a view
    if stride > 1:
        places = places[:, ::stride, ::stride]
    # Flattened here: where no gradient is asked for, linear would copy the weight for each row of a map with gaps.
    y = linear(places.flatten(0, 2), weight.flatten(1))
    return y.view(*places.shape[:3], -1).permute(0, 3, 1, 2)


class _RowProducts(torch.autograd.Function):
    """The convolution as a sum of y += x·Wᵀ over what `_rows` yields, and by hand its gradients: x' += y'·W and
    W' += y'ᵀ·x over the same views.

    By hand, since autograd would fill a weight-sized tensor for every slice. In one fixed order, so that the sums
    are the same in each run: gathering the weight by advanced indexing makes its gradient an atomic scatter,
    which is not.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        batch, _, height, width = x.shape
        y = _zeros(x, (batch, weight.shape[0], (height - 1) // stride + 1, (width - 1) // stride + 1))
        for rows, taps, place in _rows(x, weight, y, stride):
            place.addmm_(rows, taps.t())
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_y: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        grad_y = grad_y.contiguous(memory_format=torch.channels_last)
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            grad_x = _zeros(x, x.shape)
            for rows, taps, place in _rows(grad_x, weight, grad_y, ctx.stride):
                rows.addmm_(place, taps)
        if ctx.needs_input_grad[1]:
            grad_weight = _zeros(weight, weight.shape)
            for rows, taps, place in _rows(x, grad_weight, grad_y, ctx.stride):
                taps.addmm_(place.t(), rows)
        return grad_x, grad_weight, None


def _rows(x: Tensor, weight: Tensor, y: Tensor, stride: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """For each place of `y` and each row of `x` that it sees: that stretch of the row, (N, n·C_in), the taps that
    lie on it, (C_out, n·C_in), and the place, (N, C_out); n is 1 to kernel_size.

    Views all three, without a copy: in channels_last memory neighbours in a row are neighbours in memory. Taps
    beside the map never occur.
    """
    x, weight, y = (tensor.permute(0, 2, 3, 1) for tensor in (x, weight, y))
    height, width = x.shape[1:3]
    size, radius = weight.shape[1], weight.shape[1] // 2
    for i in range(y.shape[1]):
        top = i * stride - radius  # where the kernel's first tap lies
        for j in range(y.shape[2]):
            left = j * stride - radius
            first, end = max(left, 0), min(left + size, width)
            for row in range(max(top, 0), min(top + size, height)):
                yield (
                    x[:, row, first:end].view(len(x), -1),
                    weight[:, row - top, first - left : end - left].view(len(weight), -1),
                    y[:, i, j],
                )


def _zeros(like: Tensor, shape: torch.Size | tuple[int, ...]) -> Tensor:
    """(N, C, H, W) in channels_last memory."""
    batch, channels, height, width = shape
    return like.new_zeros(batch, height, width, channels).permute(0, 3, 1, 2)

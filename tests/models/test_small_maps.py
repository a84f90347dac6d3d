"""nn.Conv2d is the oracle: the same numbers, forward and both gradients, wherever the family puts a convolution."""

import copy
import hashlib

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from resnet_demo.models.blocks import BasicBlock, Bottleneck
from resnet_demo.models.catalog import ARCHITECTURES, STEMS
from resnet_demo.models.describe import describe
from resnet_demo.models.resnet import NetworkSpec
from resnet_demo.models.small_maps import SMALLEST_BATCH, SmallMapConv2d, largest_side

BATCH = SMALLEST_BATCH


def family_shapes() -> list[tuple[int, int, int, int, int]]:
    """(C_in, C_out, kernel_size, stride, H) of every convolution behind the stem, at 32 px."""
    shapes = set()
    for spec in {NetworkSpec(arch, stem) for arch in ARCHITECTURES for stem in STEMS}:
        network = describe(spec, 32)
        for layer in (layer for stage in network.stages for block in stage.blocks for layer in block.layers):
            if layer.kind == "convolution":
                (channels_in, side, _), channels_out = layer.in_shape, layer.out_shape[0]
                shapes.add((channels_in, channels_out, layer.kernel_size, layer.stride, side))
    return sorted(shapes)


def is_small(shape) -> bool:
    *_, kernel_size, stride, side = shape
    return side <= largest_side(kernel_size, torch.float64) * stride


def pair(channels_in, channels_out, kernel_size, stride=1, dtype=torch.float64) -> tuple[SmallMapConv2d, nn.Conv2d]:
    ours = SmallMapConv2d(channels_in, channels_out, kernel_size, stride).to(dtype)
    theirs = nn.Conv2d(channels_in, channels_out, kernel_size, stride, kernel_size // 2, bias=False).to(dtype)
    theirs.load_state_dict(ours.state_dict())
    return ours.to(memory_format=torch.channels_last), theirs


def uses_products(y: torch.Tensor) -> bool:
    """Whether the library's convolution is absent from the graph behind `y`."""
    return "Convolution" not in y.grad_fn.name()


def assert_equal(ours, theirs, x, memory_format=torch.channels_last) -> torch.Tensor:
    """Forward and both gradients; returns our output."""
    ours_x = x.clone(memory_format=memory_format).requires_grad_()
    theirs_x = x.clone().requires_grad_()
    y, expected = ours(ours_x), theirs(theirs_x)
    grad_y = torch.randn_like(expected)
    y.backward(grad_y), expected.backward(grad_y)
    for a, b in [(y, expected), (ours_x.grad, theirs_x.grad), (ours.weight.grad, theirs.weight.grad)]:
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    for size, *strides in zip(ours.weight.shape, ours.weight.grad.stride(), ours.weight.stride(), strict=True):
        assert size == 1 or len(set(strides)) == 1  # the weight's own layout: nothing is copied on the way
    return y


@pytest.mark.parametrize("shape", family_shapes(), ids=lambda s: "{}to{}_k{}s{}_{}px".format(*s))
def test_every_shape_of_the_family_equals_the_plain_convolution(shape):
    torch.manual_seed(0)
    channels_in, channels_out, kernel_size, stride, side = shape
    ours, theirs = pair(channels_in, channels_out, kernel_size, stride)
    batch = BATCH if is_small(shape) else 1  # elsewhere it is the plain convolution
    y = assert_equal(ours, theirs, torch.randn(batch, channels_in, side, side, dtype=torch.float64))
    assert uses_products(y) == is_small(shape)


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (4, 3), (4, 4), (7, 5)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_maps_of_any_form(kernel_size, stride, size):
    torch.manual_seed(0)
    ours, theirs = pair(3, 5, kernel_size, stride)
    assert_equal(ours, theirs, torch.randn(BATCH, 3, *size, dtype=torch.float64))


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("weights", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("images", [torch.contiguous_format, torch.channels_last])
def test_memory_formats(kernel_size, weights, images):
    ours, theirs = pair(4, 6, kernel_size)
    ours = ours.to(memory_format=weights)
    assert_equal(ours, theirs, torch.randn(BATCH, 4, 2, 2, dtype=torch.float64), memory_format=images)


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_a_gradient_of_any_layout(kernel_size):
    """Pooling hands back an expanded gradient, without memory of its own."""
    ours, theirs = pair(4, 6, kernel_size)
    x = torch.randn(BATCH, 4, 2, 2, dtype=torch.float64)
    for convolution in (ours, theirs):
        convolution(x.contiguous(memory_format=torch.channels_last)).sum().backward()
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=1e-10, atol=1e-10)


def test_only_the_gradients_asked_for():
    ours, _ = pair(4, 6, 3)
    x = torch.randn(BATCH, 4, 1, 1, dtype=torch.float64)
    ours(x).sum().backward()  # the first layer: no gradient for x
    ours.requires_grad_(False)
    ours(x.requires_grad_()).sum().backward()  # frozen
    assert x.grad is not None


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize(("kernel_size", "stride"), [(1, 1), (1, 2), (3, 1), (3, 2)])
def test_a_bias_is_added_and_learned(kernel_size, stride, autocast):
    torch.manual_seed(0)
    ours = SmallMapConv2d(4, 6, kernel_size, stride, bias=True).to(memory_format=torch.channels_last)
    theirs = nn.Conv2d(4, 6, kernel_size, stride, kernel_size // 2)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(BATCH, 4, 2 * stride, 2 * stride).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        y, expected = ours(x), theirs(x)
    assert y.dtype == expected.dtype and "Convolution" not in _operations(y)
    y.sum().backward(), expected.sum().backward()
    tolerance = {"rtol": 2e-2, "atol": 2e-2} if autocast else {}
    for a, b in [(y, expected), (ours.bias.grad, theirs.bias.grad), (ours.weight.grad, theirs.weight.grad)]:
        torch.testing.assert_close(a, b, **tolerance)


def _operations(y: torch.Tensor) -> str:
    """The names of all operations in the graph behind `y`."""
    names, open_nodes = [], [y.grad_fn]
    while open_nodes:
        node = open_nodes.pop()
        names.append(node.name())
        open_nodes += [parent for parent, _ in node.next_functions if parent]
    return " ".join(names)


@pytest.mark.parametrize("kernel_size", [1, 3])
def test_a_folded_batch_norm(kernel_size):
    ours, _ = pair(4, 6, kernel_size)
    norm = nn.BatchNorm2d(6).double().eval()
    nn.init.uniform_(norm.bias), nn.init.uniform_(norm.running_mean)
    x = torch.randn(BATCH, 4, 2, 2, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    folded = nn.utils.fuse_conv_bn_eval(ours.eval(), norm)
    torch.testing.assert_close(folded(x), norm(ours(x)))


class Sizes(TorchDispatchMode):
    """Numbers in each tensor that an operation gives."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = func(*args, **(kwargs or {}))
        self.seen += [t.numel() for t in tree_leaves(given) if isinstance(t, torch.Tensor)]
        return given


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize("stride", [1, 2])
def test_nothing_is_copied_for_each_image_where_no_gradient_is_asked_for(kernel_size, stride):
    """linear would do that with the weight: such an evaluation took nine times as long as it has to."""
    convolution = SmallMapConv2d(16, 64, kernel_size, stride).to(memory_format=torch.channels_last)
    convolution.requires_grad_(False)  # as is, under no_grad, the copy of the weight that autocast makes
    x = torch.randn(BATCH, 16, 2 * stride, 2 * stride).contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), Sizes() as sizes:
        y = convolution(x)
    assert max(sizes.seen) <= max(x.numel(), y.numel(), convolution.weight.numel())


def test_elsewhere_it_is_the_plain_convolution():
    ours, _ = pair(4, 6, 3, dtype=torch.float32)
    x = torch.randn(BATCH, 4, 2, 2).contiguous(memory_format=torch.channels_last)
    assert uses_products(ours(x))
    assert not uses_products(ours(x[:-1]))  # a small batch
    assert not uses_products(ours(torch.randn(BATCH, 4, 4, 4).contiguous(memory_format=torch.channels_last)))
    with torch.autocast("cpu", torch.float16):
        assert not uses_products(ours(x))
    with torch.autocast("cpu", torch.bfloat16):
        assert not uses_products(ours(torch.randn(BATCH, 4, 4, 4).contiguous(memory_format=torch.channels_last)))
        wide = torch.randn(BATCH, 4, 8, 8).contiguous(memory_format=torch.channels_last)
        assert not uses_products(pair(4, 6, 1, dtype=torch.float32)[0](wide))
    assert not uses_products(ours.half()(x.half()))
    assert ours.to("meta")(x.to("meta")).shape == (BATCH, 6, 2, 2)


@pytest.mark.parametrize(
    "kernel_size, stride, side", [(1, 1, 2), (1, 1, 4), (1, 2, 8), (3, 1, 1), (3, 1, 2), (3, 2, 2), (3, 2, 4)]
)
def test_bfloat16_by_autocast_is_as_exact_as_the_library(kernel_size, stride, side):
    torch.manual_seed(0)
    ours, plain = pair(64, 32, kernel_size, stride, dtype=torch.float32)
    x = torch.randn(32, 64, side, side).contiguous(memory_format=torch.channels_last)
    errors = []
    exact = _results(copy.deepcopy(plain).double(), x.double())
    for convolution in (ours, plain):
        with torch.autocast("cpu", torch.bfloat16):
            results = _results(convolution, x)
            assert uses_products(convolution(x)) == (convolution is ours)
        assert results[0].dtype == torch.bfloat16 and [r.dtype for r in results[1:]] == 2 * [torch.float32]
        errors.append([(a - b).norm() / b.norm() for a, b in zip(results, exact, strict=True)])
    assert all(mine < 2 * theirs and mine < 1e-2 for mine, theirs in zip(*errors, strict=True))


def _results(convolution, x) -> list[torch.Tensor]:
    """The map, and the gradients of x and of the weight for a gradient that is the same each time."""
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    y = convolution(x)
    y.backward(torch.randn(y.shape, generator=torch.Generator().manual_seed(1)).to(y.dtype))
    return [y.detach(), x.grad, convolution.weight.grad]


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize(
    "numbers", [(torch.bfloat16, torch.float32), (torch.float64, torch.float32), (torch.float32, torch.float64)]
)
def test_what_the_library_refuses_to_mix_is_refused(numbers, kernel_size, autocast):
    ours, plain = pair(4, 6, kernel_size, dtype=numbers[0])
    x = torch.randn(BATCH, 4, 2, 2, dtype=numbers[1]).contiguous(memory_format=torch.channels_last)
    refusals = []
    for convolution in (ours, plain):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            try:
                convolution(x)
            except RuntimeError as error:
                refusals.append(str(error))
    assert len(refusals) == (0 if autocast and torch.float64 not in numbers else 2)


def test_an_exported_network_keeps_its_convolutions():
    convolution, _ = pair(4, 6, 3, dtype=torch.float32)
    x = torch.randn(BATCH, 4, 2, 2).contiguous(memory_format=torch.channels_last)
    graph = torch.export.export(convolution, (x,)).graph
    assert any("conv2d" in str(node.target) for node in graph.nodes)


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="odd"):
        SmallMapConv2d(4, 4, 2)


def test_copies_and_its_state():
    ours, theirs = pair(4, 6, 3)
    copied = copy.deepcopy(ours)
    theirs.load_state_dict(copied.state_dict())
    x = torch.randn(BATCH, 4, 2, 2, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        torch.testing.assert_close(copied(x), theirs(x), rtol=1e-10, atol=1e-10)
    assert repr(copied) == "SmallMapConv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False)"


def test_ten_runs_of_ten_steps_give_one_hash():
    torch.manual_seed(0)
    x = torch.randn(64, 64, 4, 4).contiguous(memory_format=torch.channels_last)
    labels = torch.arange(64) % 10
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)
    try:
        hashes = {_trained(x, labels) for _ in range(10)}
    finally:
        torch.use_deterministic_algorithms(False)
        torch.set_num_threads(threads)
    assert len(hashes) == 1


def _trained(x, labels) -> str:
    """The hash of the weights after ten steps of a network whose maps shrink from 4x4 to 1x1."""
    torch.manual_seed(0)
    blocks = [BasicBlock(64, 128, 2), Bottleneck(128, 32), BasicBlock(128, 256, 2), Bottleneck(256, 64)]
    model = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(256, 10)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)
    for _ in range(10):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
    weights = b"".join(parameter.detach().contiguous().numpy().tobytes() for parameter in model.parameters())
    return hashlib.sha256(weights).hexdigest()

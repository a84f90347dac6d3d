"""Each block's numbers against hooks on the real modules, and what they say of depth."""

import copy

import pytest
import torch
from torch.nn.functional import cross_entropy

from resnet_demo.models.blocks import ResidualBlock
from resnet_demo.models.depth import block_responses
from resnet_demo.models.resnet import NetworkSpec, ResNet


def network(arch: str) -> ResNet:
    torch.manual_seed(0)
    return ResNet(NetworkSpec(arch))


def batch(count: int = 8, side: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1)), torch.arange(count) % 10


def seen_by_hooks(model: ResNet, images, labels) -> list[tuple[float, float | None, float]]:
    model = copy.deepcopy(model).train()
    blocks = [module for module in model.modules() if isinstance(module, ResidualBlock)]
    inputs, branches, sides, outputs = [], [], [], []
    for block in blocks:
        block.register_forward_pre_hook(lambda _, given: inputs.append(given[0].detach().clone()))
        block.last_norm.register_forward_hook(lambda _, __, y: branches.append(y.detach().clone()))
        if block.downsample is not None:
            block.downsample.register_forward_hook(lambda _, __, y: sides.append(y.detach().clone()))
        block.register_forward_hook(lambda _, __, y: outputs.append(y))
    gradients = torch.autograd.grad(cross_entropy(model(images), labels), outputs)
    expected = []
    for block, x, branch, gradient in zip(blocks, inputs, branches, gradients, strict=True):
        side = x if block.downsample is None else sides.pop(0)
        ratio = None if block.is_plain else (branch.norm() / side.norm()).item()
        expected.append((branch.std().item(), ratio, gradient.norm().item()))
    return expected


@pytest.mark.parametrize("arch", ["resnet20", "plain20", "resnet18", "resnet50"])
def test_every_blocks_numbers_are_those_of_its_modules(arch):
    model, (images, labels) = network(arch), batch()
    found = block_responses(model, images, labels)
    blocks = [name for name, module in model.named_modules() if isinstance(module, ResidualBlock)]
    assert [one.name for one in found] == blocks
    for one, (std, ratio, gradient) in zip(found, seen_by_hooks(model, images, labels), strict=True):
        assert (one.response_std, one.gradient_norm) == pytest.approx((std, gradient), rel=1e-4)
        assert one.ratio == (None if ratio is None else pytest.approx(ratio, rel=1e-4))


def test_asking_changes_nothing():
    model, (images, labels) = network("resnet20").eval(), batch()
    before, given = copy.deepcopy(model.state_dict()), images.clone()
    block_responses(model, images, labels)
    assert not model.training and all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(images, given)


def test_a_block_that_starts_as_its_shortcut_has_no_response():
    model = ResNet(NetworkSpec("resnet20"), zero_init_residual=True)
    assert {(one.response_std, one.ratio) for one in block_responses(model, *batch())} == {(0.0, 0.0)}


def test_without_shortcuts_the_gradient_grows_with_the_depth():
    """The 54 layers of its blocks make it a thousand times as large in the plain network; in the residual one it stays
    within two orders of magnitude."""
    growth = {}
    for arch in ("plain20", "resnet20", "plain56", "resnet56"):
        found = block_responses(network(arch), *batch(16))
        growth[arch] = found[0].gradient_norm / found[-1].gradient_norm
    assert growth["plain56"] > 1000 > 100 > growth["resnet56"] > growth["resnet20"]
    assert growth["plain20"] > growth["resnet20"]

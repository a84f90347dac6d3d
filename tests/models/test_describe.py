"""A description is held against torch's own counter and against the modules themselves."""

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from resnet_demo.models.catalog import ARCHITECTURES, STEMS, TORCHVISION_HAS
from resnet_demo.models.describe import describe
from resnet_demo.models.resnet import NetworkSpec, ResNet, build_on_meta

EVERY_NETWORK = sorted(  # with all shortcuts that it can have, and some with each stem
    {NetworkSpec(arch, stem) for arch in TORCHVISION_HAS for stem in STEMS}
    | {NetworkSpec(arch, shortcut=shortcut) for arch, kind in ARCHITECTURES.items() for shortcut in kind.shortcuts},
    key=str,
)


@pytest.mark.parametrize("spec", EVERY_NETWORK, ids=lambda spec: f"{spec.arch}-{spec.stem}-{spec.shortcut}")
def test_counts_equal_the_modules(spec):
    network, model = describe(spec, 32), build_on_meta(spec)
    parts = [*network.stem, *network.stages, *network.head]
    assert network.parameters == sum(p.numel() for p in model.parameters())
    assert sum(part.parameters for part in parts) == network.parameters
    with FlopCounterMode(display=False) as counter:
        model.eval()(torch.empty(1, 3, 32, 32, device="meta"))
    assert 2 * network.multiply_adds == counter.get_total_flops()


def test_resnet50_is_one_conv_block_then_identity_blocks():
    network = describe(NetworkSpec("resnet50"), 224)
    kinds = [[block.kind for block in stage.blocks] for stage in network.stages]
    assert kinds == [["Conv Block"] + ["Identity Block"] * (depth - 1) for depth in (3, 4, 6, 3)]
    assert [stage.out_shape for stage in network.stages] == [
        (256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "arch", ["resnet18", "plain18", "resnet50", "plain50", "resnet20", "plain20", "resnet50_article"]
)
def test_every_block_is_called_what_it_computes(arch):
    """The kind against the module's own numbers: is x added, and as what?"""
    for shortcut in ARCHITECTURES[arch].shortcuts:
        check_the_kinds(NetworkSpec(arch, "imagenet", 2, shortcut))


def check_the_kinds(spec):
    torch.manual_seed(0)
    model = ResNet(spec).eval().double()
    network, modules = describe(spec, 32), dict(model.named_modules())
    kinds = set()
    for block in (block for stage in network.stages for block in stage.blocks):
        module = modules[block.name]
        x = torch.randn(1, *block.in_shape, dtype=torch.float64).relu()
        y, branch = module(x.clone()), module.residual(x.clone())
        stride = block.in_shape[1] // block.out_shape[1]
        padded = torch.zeros_like(branch)
        padded[:, : x.shape[1]] = x[:, :, ::stride, ::stride]
        plain, summed = torch.equal(y, branch.relu()), torch.equal(y, (branch + padded).relu())
        expected = "Plain Block" if plain else "Conv Block"
        if summed:
            expected = "Identity Block" if block.keeps_shape else "Zero-Pad Block"
        assert (block.name, block.kind) == (block.name, expected)
        kinds.add(block.kind)
    assert ("Plain Block" in kinds) == (spec.shortcut == "none") and (spec.shortcut != "C" or kinds == {"Conv Block"})


def test_blocks_name_their_real_layers():
    conv_block, identity_block = describe(NetworkSpec("resnet50"), 32).stages[1].blocks[:2]
    assert [layer.name.removeprefix("layer2.0.") for layer in conv_block.residual] == [
        "conv1", "bn1", "relu", "conv2", "bn2", "relu", "conv3", "bn3",
    ]  # fmt: skip
    assert [layer.name for layer in conv_block.shortcut] == ["layer2.0.downsample.0", "layer2.0.downsample.1"]
    assert [layer.kind for layer in conv_block.after_sum] == ["ReLU"]
    assert (conv_block.residual[3].kernel_size, conv_block.residual[3].stride) == (3, 2)
    assert identity_block.shortcut == () and identity_block.in_shape == identity_block.out_shape


def test_description_is_plain_data():
    network = describe(NetworkSpec("resnet18", num_classes=7), 64).as_dict()
    assert json.loads(json.dumps(network))["head"][-1]["out_shape"] == [7]

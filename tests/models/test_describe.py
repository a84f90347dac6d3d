"""A description is held against torch's own counter and against the modules themselves."""

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from resnet_demo.models.catalog import ARCHITECTURES, STEMS
from resnet_demo.models.describe import describe
from resnet_demo.models.resnet import NetworkSpec, build_on_meta


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("stem", STEMS)
def test_counts_equal_the_modules(arch, stem):
    spec = NetworkSpec(arch, stem)
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

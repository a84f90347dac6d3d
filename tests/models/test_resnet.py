"""torchvision's networks are the oracle: same keys, same parameter counts, same numbers."""

import pytest
import torch
import torchvision

from resnet_demo.models.blocks import BasicBlock, Bottleneck
from resnet_demo.models.catalog import STEMS, TORCHVISION_HAS
from resnet_demo.models.resnet import NetworkSpec, ResNet, build_on_meta


@pytest.mark.parametrize("arch", TORCHVISION_HAS)
def test_state_dict_equals_torchvisions(arch):
    ours = build_on_meta(NetworkSpec(arch)).state_dict()
    with torch.device("meta"):
        theirs = getattr(torchvision.models, arch)(num_classes=10).state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_resnet50_has_the_parameters_of_the_article():
    model = build_on_meta(NetworkSpec("resnet50", "imagenet", num_classes=10))
    assert sum(p.numel() for p in model.parameters()) == 23_528_522


@pytest.mark.parametrize(("arch", "size"), [("resnet18", 32), ("resnet50", 32), ("resnet50", 224)])
def test_logits_and_gradients_equal_torchvisions(arch, size):
    torch.manual_seed(0)
    theirs = getattr(torchvision.models, arch)(num_classes=10).double()
    ours = ResNet(NetworkSpec(arch)).double()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    for mode in (True, False):
        theirs.train(mode), ours.train(mode)
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-10, atol=1e-10)
    labels = torch.tensor([1, 7])
    theirs.train(), ours.train()
    for model in (ours, theirs):
        torch.nn.functional.cross_entropy(model(x), labels).backward()
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name].grad, rtol=1e-7, atol=1e-10, msg=name)


@pytest.mark.parametrize(("stem", "side"), [("imagenet", 8), ("compact", 16), ("cifar", 32)])
def test_stem_sets_the_size_of_the_first_stage(stem, side):
    model = build_on_meta(NetworkSpec("resnet18", stem))
    x = model.stem(torch.empty(1, 3, 32, 32, device="meta"))
    assert model.layer1(x).shape == (1, 64, side, side)


@pytest.mark.parametrize(("block", "channels_in", "stride"), [(BasicBlock, 64, 1), (Bottleneck, 256, 1)])
def test_shapes_that_agree_need_no_projection(block, channels_in, stride):
    assert block(channels_in, 64, stride).downsample is None
    assert block(channels_in, 64, stride=2).downsample is not None
    assert block(channels_in // 2, 64).downsample is not None


def test_zero_init_makes_every_block_its_shortcut():
    model = ResNet(NetworkSpec("resnet18"), zero_init_residual=True).eval()
    x = torch.rand(2, 64, 8, 8)
    torch.testing.assert_close(model.layer1(x.clone()), x)


def test_unknown_names_are_refused_with_the_choices():
    with pytest.raises(ValueError, match="resnet50"):
        ResNet(NetworkSpec("resnet51"))
    with pytest.raises(ValueError, match=", ".join(STEMS)):
        ResNet(NetworkSpec(stem="none"))

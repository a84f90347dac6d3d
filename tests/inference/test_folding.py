"""A network without its norms gives the answers that it gave with them."""

import copy

import pytest
import torch
from torch import nn

from resnet_demo.inference.folding import fold_norms
from resnet_demo.inference.predictor import Classifier
from resnet_demo.models.checkpoint import load_model, save_model
from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.models.small_maps import SMALLEST_BATCH, SmallMapConv2d
from tests.support.checkpoints import INFO


def as_if_trained(spec: NetworkSpec) -> ResNet:
    """A network whose norms have something to say, as after a training."""
    torch.manual_seed(0)
    model = ResNet(spec).to(memory_format=torch.channels_last).eval()
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.5)
            norm.running_var.uniform_(0.3, 3)
            nn.init.uniform_(norm.weight, -1, 1.5)
            nn.init.normal_(norm.bias, 0, 0.5)
    return model


@pytest.mark.parametrize("batch", [1, SMALLEST_BATCH])  # by the library's convolutions, and by products
@pytest.mark.parametrize(
    ("arch", "stem"),
    [
        ("resnet18", "cifar"),
        ("resnet50", "imagenet"),
        ("resnet20", "cifar"),
        ("plain20", "cifar"),
        ("resnet50_article", "imagenet"),
    ],
)
def test_the_answers_stay(arch, stem, batch):
    model = as_if_trained(NetworkSpec(arch, stem, 4))
    folded = fold_norms(copy.deepcopy(model))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        before, after = model(images), folded(images)
    torch.testing.assert_close(after.softmax(1), before.softmax(1), rtol=0, atol=1e-5)
    torch.testing.assert_close(after, before, rtol=0, atol=1e-5 * before.abs().max().item())


def test_they_are_the_same_function():
    """In float64 nothing is left of the rounding."""
    model = as_if_trained(NetworkSpec("resnet18", "imagenet", 4)).double()
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.inference_mode():
        before = model(images)
        torch.testing.assert_close(fold_norms(model)(images), before, rtol=1e-10, atol=1e-10)
    assert (before[0] - before[1]).abs().max() > 1e-3  # a network that answers all alike would prove nothing


def test_the_convolutions_stay_fast_at_small_maps():
    """Folded weights keep the layout that their products need."""
    folded = fold_norms(as_if_trained(NetworkSpec("resnet50", "imagenet", 4)))
    x = torch.randn(SMALLEST_BATCH, 512, 1, 1).contiguous(memory_format=torch.channels_last)
    convolution = folded.layer4[1].conv2
    assert isinstance(convolution, SmallMapConv2d) and convolution._is_faster_as_products(x)


def test_a_file_is_read_folded_by_who_answers_and_by_nobody_else(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, as_if_trained(NetworkSpec("resnet18", "imagenet", 4)), INFO)
    written = path.read_bytes()
    classifier = Classifier.from_file(path)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in classifier.model.modules())
    model, _ = load_model(path)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in model.modules()) == 20
    images = torch.randint(0, 256, (9, 3, 32, 32), dtype=torch.uint8)
    torch.testing.assert_close(
        classifier.logits(images).softmax(1), Classifier(model, INFO).logits(images).softmax(1), rtol=0, atol=1e-5
    )
    assert path.read_bytes() == written

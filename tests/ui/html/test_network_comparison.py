"""The comparison's figures against what is known of the networks, and the receptive field against a gradient."""

import pytest
import torch
from torch import nn

from resnet_demo.models.describe import describe
from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.ui.html.network_comparison import comparison_html
from resnet_demo.ui.html.receptive_field import fields_of


def test_the_papers_pair_of_figures():
    html = comparison_html(describe(NetworkSpec("resnet34"), 224), describe(NetworkSpec("resnet50"), 224))
    for known in ("3.66 billion", "4.09 billion", "<b>34</b>", "<b>50</b>", "4 Conv Block, 12 Identity Block"):
        assert known in html
    assert "7 × 7 positions; each sees" in html


def test_what_does_not_differ_is_not_bold():
    one = describe(NetworkSpec("plain20"), 32)
    assert "<b>" not in comparison_html(one, one)
    assert "<b>" in comparison_html(one, describe(NetworkSpec("resnet20"), 32))


def test_networks_of_three_and_of_four_stages_stand_beside_each_other():
    html = comparison_html(describe(NetworkSpec("resnet20"), 32), describe(NetworkSpec("resnet18"), 32))
    assert html.count("After ") == 5 and "<td><b>–</b></td>" in html


@pytest.mark.parametrize(("arch", "stage"), [("resnet20", 1), ("resnet18", 1), ("resnet50", 2)])
def test_the_receptive_field_is_where_a_gradient_reaches(arch, stage):
    """With weights that are all positive and without norms nothing cancels out, so every pixel that is seen counts."""
    spec, side = NetworkSpec(arch), 256
    model = ResNet(spec).double().eval()
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    x = torch.ones(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    if isinstance(model.maxpool, nn.MaxPool2d):  # the largest takes all of a gradient: every place is to get some
        model.maxpool = nn.AvgPool2d(3, 2, 1)
    y = model.stem(x)
    for one in model.stages[:stage]:
        y = one(y)
    middle = y.shape[-1] // 2
    y[0, :, middle, middle].sum().backward()
    rows = x.grad[0].abs().sum((0, 2)).nonzero().flatten()
    network = describe(spec, side)
    places, field = fields_of(network)[stage]
    assert places == y.shape[-1] and rows.max() - rows.min() + 1 == field.pixels
    assert field.of_place(middle) == (rows.min(), rows.max() + 1)

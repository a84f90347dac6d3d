"""Which parameters decay, and how fast each learns."""

import pytest

from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.training.config import TrainConfig
from resnet_demo.training.optimization import make_optimizer, set_learning_rate


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "sgd"])
def test_norms_and_biases_do_not_decay_and_learn_faster(optimizer):
    model = ResNet(NetworkSpec("resnet18"))
    config = TrainConfig(optimizer=optimizer, weight_decay=0.02, norm_rate_factor=4.0)
    ours = make_optimizer(config, model)
    set_learning_rate(ours, config, 0.01)
    treated = {id(p): (group["lr"], group["weight_decay"]) for group in ours.param_groups for p in group["params"]}
    names = {name: treated.pop(id(parameter)) for name, parameter in model.named_parameters()}
    assert not treated
    assert {how for name, how in names.items() if "conv" in name or name == "fc.weight"} == {(0.01, 0.02)}
    assert {how for name, how in names.items() if "bn" in name or name == "fc.bias"} == {(0.04, 0.0)}

"""Which parameters decay, how fast each learns, and that each is moved as PyTorch's plain optimizers move it."""

import copy

import pytest
import torch

from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.runs.config import TrainConfig
from resnet_demo.training.optimizer import make_optimizer, set_learning_rate

KINDS = ["adamw", "adam", "sgd"]


@pytest.mark.parametrize("optimizer", KINDS)
def test_norms_and_biases_do_not_decay_and_learn_faster(optimizer):
    model = ResNet(NetworkSpec("resnet18"))
    config = TrainConfig(optimizer=optimizer, weight_decay=0.02, norm_rate_factor=4.0)
    ours = make_optimizer(config, model)
    set_learning_rate(ours, config, 0.01)
    treated = {
        weight.data_ptr(): (group["lr"], group["weight_decay"])
        for group in ours.param_groups
        for weight in group["params"]
    }
    names = {name: treated.pop(parameter.data_ptr()) for name, parameter in model.named_parameters()}
    assert not treated
    assert {how for name, how in names.items() if "conv" in name or name == "fc.weight"} == {(0.01, 0.02)}
    assert {how for name, how in names.items() if "bn" in name or name == "fc.bias"} == {(0.04, 0.0)}


def plain_optimizer(config: TrainConfig, model: ResNet) -> torch.optim.Optimizer:
    """The same rule, one tensor after the other in the simplest way."""
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=config.momentum, nesterov=True, foreach=False)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, betas=(config.momentum, config.beta2), foreach=False)


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
@pytest.mark.parametrize("optimizer", KINDS)
def test_every_weight_moves_as_by_the_plain_rule(optimizer, memory_format):
    torch.manual_seed(0)
    config = TrainConfig(optimizer=optimizer)
    ours = ResNet(NetworkSpec("resnet18")).to(memory_format=memory_format)
    theirs = copy.deepcopy(ours)
    moving = (make_optimizer(config, ours), plain_optimizer(config, theirs))
    for _ in range(2):
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.grad, other.grad = torch.empty_like(mine), torch.empty_like(other)  # in the weights' layout, as always
            mine.grad.copy_(other.grad.normal_())
        for each in moving:
            set_learning_rate(each, config, 0.01)
            each.step()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, msg=lambda text, name=name: f"{name}: {text}")


@pytest.mark.parametrize("optimizer", KINDS)
def test_a_parameter_without_a_gradient_stays(optimizer):
    model = ResNet(NetworkSpec("resnet18"))
    before = copy.deepcopy(model.state_dict())
    ours = make_optimizer(TrainConfig(optimizer=optimizer), model)
    model.fc.bias.grad = torch.ones(10)
    ours.step()
    ours.zero_grad()
    assert model.fc.bias.grad is None
    after_one = model.fc.bias.detach().clone()
    ours.step()
    assert torch.equal(model.fc.bias, after_one) and not torch.equal(after_one, before["fc.bias"])
    assert torch.equal(model.conv1.weight, before["conv1.weight"])


@pytest.mark.parametrize(
    "move", [lambda model: model.double(), lambda model: model.to(memory_format=torch.channels_last)]
)
def test_weights_that_have_moved_are_not_lost_in_silence(move):
    model = ResNet(NetworkSpec("resnet18"))
    ours = make_optimizer(TrainConfig(), model)
    move(model)
    with pytest.raises(RuntimeError, match="Make a new one"):
        ours.step()

"""Which parameters decay, how fast each learns, and that each is moved as PyTorch's plain optimizers move it."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import nn

from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.runs.config import TrainConfig
from resnet_demo.training import optimizer as optimizer_module
from resnet_demo.training.optimizer import (
    load_optimizer_state,
    make_optimizer,
    optimizer_state,
    set_learning_rate,
)

KINDS = ["adamw", "adam", "sgd"]
SMALL = NetworkSpec("resnet20", shortcut="B")  # every kind of weight, projections too, and few of each


@pytest.mark.parametrize("optimizer", KINDS)
def test_norms_and_biases_do_not_decay_and_learn_faster(optimizer):
    model = ResNet(SMALL)
    config = TrainConfig(optimizer=optimizer, weight_decay=0.02, norm_bias_lr_mult=4.0)
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
    ours = ResNet(SMALL).to(memory_format=memory_format)
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
    model = ResNet(SMALL)
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
    model = ResNet(SMALL)
    ours = make_optimizer(TrainConfig(), model)
    move(model)
    with pytest.raises(RuntimeError, match="Make a new one"):
        ours.step()


@pytest.mark.parametrize("fused", [True, False], ids=["as on CUDA", "as on a CPU"])
def test_a_step_whose_scaled_gradients_overflow_is_left_out(monkeypatch, fused):
    """Also the very first; the steps behind it are those of a loss that is not scaled."""
    monkeypatch.setattr(optimizer_module, "is_on_cuda", lambda weight: fused)
    config = replace(TrainConfig(), optimizer="sgd", learning_rate=0.1, momentum=0.9)
    plain, scaled = nn.Linear(3, 2), nn.Linear(3, 2)
    scaled.load_state_dict(plain.state_dict())
    moves, scaled_moves = make_optimizer(config, plain), make_optimizer(config, scaled)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**127, backoff_factor=2.0**-120)

    def scaled_step(images):
        scaled_moves.zero_grad()
        scaler.scale(scaled(images).square().sum()).backward()
        scaled_moves.lend_gradients()
        scaler.unscale_(scaled_moves)
        scaler.step(scaled_moves)
        scaler.update()

    scaled_step(torch.full((4, 3), 100.0))
    assert scaler.get_scale() == 128.0 and torch.equal(scaled.weight, plain.weight)
    for _ in range(3):
        images = torch.randn(4, 3)
        scaled_step(images)
        moves.zero_grad()
        plain(images).square().sum().backward()
        moves.step()
        torch.testing.assert_close(scaled.state_dict(), plain.state_dict())


def test_a_state_of_another_device_goes_on_in_this_ones_way(monkeypatch):
    """A rate that stands on the device, fused kernels: of the state only momentum and counts are taken."""
    config = replace(TrainConfig(), optimizer="sgd", learning_rate=0.1, momentum=0.9)
    there, here = nn.Linear(3, 2), nn.Linear(3, 2)
    here.load_state_dict(there.state_dict())
    on_cpu = make_optimizer(config, here)
    monkeypatch.setattr(optimizer_module, "is_on_cuda", lambda weight: True)
    on_cuda = make_optimizer(config, there)
    both = [(there, on_cuda), (here, on_cpu)]
    images = torch.randn(4, 3)

    def step(model, moves):
        set_learning_rate(moves, config, 0.05)
        moves.zero_grad()
        model(images).square().sum().backward()
        moves.step()

    step(*both[0])
    step(*both[1])
    state = optimizer_state(on_cuda)
    assert [type(group["lr"]) for group in state["param_groups"]] == [float, float]
    load_optimizer_state(on_cpu, copy.deepcopy(state))
    assert [(group["fused"], group["foreach"]) for group in on_cpu.param_groups] == [(None, True)] * 2
    step(*both[0])
    step(*both[1])
    torch.testing.assert_close(here.state_dict(), there.state_dict())
    with pytest.raises(ValueError, match="another network"):
        load_optimizer_state(make_optimizer(config, nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))), state)

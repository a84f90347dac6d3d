"""What moves the weights: the optimizer. How far it moves them is said by `schedule`."""

import torch
from torch import nn

from resnet_demo.training.config import TrainConfig


def make_optimizer(config: TrainConfig, model: nn.Module) -> torch.optim.Optimizer:
    """AdamW, Adam, or SGD with Nesterov momentum. Norms and biases are not decayed: they do not set the scale of what
    follows (Goyal et al. 2017, arXiv:1706.02677, section 5.3)."""
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if config.optimizer == "sgd":
        nesterov = config.momentum > 0
        return torch.optim.SGD(groups, config.learning_rate, momentum=config.momentum, nesterov=nesterov, foreach=True)
    betas = (config.momentum, config.beta2)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, config.learning_rate, betas, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, config: TrainConfig, rate: float) -> None:
    """`rate` for the weights, `config.norm_rate_factor` times as much for norms and biases: each of these few numbers
    moves a whole channel, and starts from where it says nothing (as the biases of Jordan 2024,
    arXiv:2404.00498)."""
    weights, others = optimizer.param_groups  # as `make_optimizer` made them
    weights["lr"], others["lr"] = rate, rate * config.norm_rate_factor

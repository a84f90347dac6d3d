"""What moves the weights, and how far: the optimizer, and the learning rate as a function of the step alone."""

import torch
from torch import nn

from resnet_demo.training.config import TrainConfig


def learning_rate(step: int, total_steps: int, peak: float, schedule: str, warmup: float) -> float:
    """The rate for the step that follows `step` finished ones.

    one_cycle: linear from 0 to `peak` over the share `warmup` of all steps, then linear to 0 (the shape of Smith
    and Topin 2018, arXiv:1708.07120, with the straight fall of cifar10-airbench). constant: `peak`.
    """
    if schedule == "constant":
        return peak
    rising = round(total_steps * warmup)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * (total_steps - step) / (total_steps - rising)


def make_optimizer(config: TrainConfig, model: nn.Module) -> torch.optim.Optimizer:
    """Adam, AdamW, or SGD with Nesterov momentum. Norms and biases are not decayed: they do not set the scale of
    what follows (Goyal et al. 2017, arXiv:1706.02677, section 5.3)."""
    decayed = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if config.optimizer == "sgd":
        nesterov = config.momentum > 0
        return torch.optim.SGD(groups, config.learning_rate, momentum=config.momentum, nesterov=nesterov, foreach=True)
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, config.learning_rate, betas=(config.momentum, config.beta2), fused=True)

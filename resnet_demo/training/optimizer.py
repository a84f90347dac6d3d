"""What moves the weights: the optimizer. How far it moves them is said by `schedule`."""

import torch
from torch import Tensor, nn

from resnet_demo.runs.config import TrainConfig


def make_optimizer(config: TrainConfig, model: nn.Module) -> torch.optim.Optimizer:
    """AdamW, Adam, or SGD with Nesterov momentum. Norms and biases are not decayed: they do not set the scale of what
    follows (Goyal et al. 2017, arXiv:1706.02677, section 5.3).

    It moves the weights where they lie, and borrows the gradients of `model` for each step. After `model.to(…)` has
    laid the weights elsewhere it takes a new optimizer; the old one's step raises RuntimeError.
    """
    parameters = list(model.parameters())
    weights = [_as_stored(parameter.detach()) for parameter in parameters]
    decayed = [weight for weight in weights if weight.ndim > 1]
    others = [weight for weight in weights if weight.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    if config.optimizer == "sgd":
        nesterov = config.momentum > 0
        optimizer = torch.optim.SGD(
            groups, config.learning_rate, momentum=config.momentum, nesterov=nesterov, foreach=True
        )
    else:
        kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
        optimizer = kind(groups, config.learning_rate, (config.momentum, config.beta2), fused=True)

    def lend_gradients(*_: object) -> None:
        for weight, parameter in zip(weights, parameters, strict=True):
            if weight.data_ptr() != parameter.data_ptr():
                raise RuntimeError("The weights have moved since this optimizer was made. Make a new one.")
            weight.grad = None if parameter.grad is None else _as_stored(parameter.grad)

    def give_back(*_: object) -> None:  # so that none outlives the step
        for weight in weights:
            weight.grad = None

    optimizer.register_step_pre_hook(lend_gradients)
    optimizer.register_step_post_hook(give_back)
    optimizer.zero_grad = model.zero_grad
    return optimizer


def _as_stored(tensor: Tensor) -> Tensor:
    """(C_out, C_in, H, W) -> (C_out, H, W, C_in), the order in which channels_last memory holds them: of another
    order PyTorch's fused step first copies the gradient, which takes as long as the step itself."""
    return tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor


def set_learning_rate(optimizer: torch.optim.Optimizer, config: TrainConfig, rate: float) -> None:
    """`rate` for the weights, `config.norm_rate_factor` times as much for norms and biases: each of these few numbers
    moves a whole channel, and starts from where it says nothing (as the biases of Jordan 2024,
    arXiv:2404.00498)."""
    weights, others = optimizer.param_groups  # as `make_optimizer` made them
    weights["lr"], others["lr"] = rate, rate * config.norm_rate_factor

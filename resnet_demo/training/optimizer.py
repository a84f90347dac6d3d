"""What moves the weights: the optimizer. How far it moves them is said by `schedule`."""

from typing import Any

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
    on_cuda, rate = is_on_cuda(weights[0]), config.learning_rate
    for group in groups:
        # On CUDA the rate stands on the device, where a recorded step reads it, in float32: a number of Python's would
        # be rounded otherwise, and steps that are not recorded are to be the same.
        group["lr"] = torch.tensor(rate, device=weights[0].device) if on_cuda else rate
    if config.optimizer == "sgd":
        kernels = {"fused": True} if on_cuda else {"foreach": True}
        optimizer: torch.optim.Optimizer = torch.optim.SGD(
            groups, momentum=config.momentum, nesterov=config.momentum > 0, **kernels
        )
        if on_cuda and config.momentum:
            # Zeros, from which the first step comes to the same: PyTorch's own would stay unwritten where the first
            # gradients of float16 overflow, and the step is left out.
            for weight in weights:
                optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
    else:
        kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
        captured = on_cuda and config.cuda_graph
        optimizer = kind(groups, betas=(config.momentum, config.beta2), fused=True, capturable=captured)

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
    optimizer.zero_grad = model.zero_grad  # type: ignore[method-assign]  # the gradients are the model's
    optimizer.lend_gradients = lend_gradients  # type: ignore[attr-defined]  # for who wants to see or scale them before the step
    return optimizer


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What continuing takes, the rates as plain numbers."""
    state = optimizer.state_dict()
    for group in state["param_groups"]:
        group["lr"] = float(group["lr"])
    return state


def load_optimizer_state(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Take over momentum and counts. How a step is computed stays: another device does it in another way. Raises
    KeyError or ValueError where the state is another network's."""
    ours = optimizer.state_dict()["param_groups"]
    if [group["params"] for group in state["param_groups"]] != [group["params"] for group in ours]:
        raise ValueError("The state is another network's.")
    optimizer.load_state_dict({"state": state["state"], "param_groups": ours})


def is_on_cuda(weight: Tensor) -> bool:
    return weight.device.type == "cuda"


def _as_stored(tensor: Tensor) -> Tensor:
    """(C_out, C_in, H, W) -> (C_out, H, W, C_in), the order in which channels_last memory holds them: of another
    order PyTorch's fused step first copies the gradient, which takes as long as the step itself."""
    return tensor.permute(0, 2, 3, 1) if tensor.ndim == 4 else tensor


def set_learning_rate(optimizer: torch.optim.Optimizer, config: TrainConfig, rate: float) -> None:
    """`rate` for the weights, `config.norm_bias_lr_mult` times as much for norms and biases: each of these few numbers
    moves a whole channel, and starts from where it says nothing (as the biases of Jordan 2024,
    arXiv:2404.00498)."""
    weights, others = optimizer.param_groups  # as `make_optimizer` made them
    for group, own_rate in ((weights, rate), (others, rate * config.norm_bias_lr_mult)):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(own_rate)
        else:
            group["lr"] = own_rate

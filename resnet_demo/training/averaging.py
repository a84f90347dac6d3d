"""The exponential average of a network's weights, which is what is evaluated, saved and asked (Polyak and Juditsky,
'Acceleration of stochastic approximation by averaging', 1992)."""

import torch
from torch import nn


@torch.no_grad()
def move_average(averaged: nn.Module, raw: nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights and buffers towards the raw ones after `step` steps; faster in the first of them,
    where the raw weights are still far from where they began."""
    decay = min(decay, (1 + step) / (10 + step))
    to, source = averaged.state_dict(), raw.state_dict()
    moving = [name for name, tensor in source.items() if tensor.is_floating_point()]
    torch._foreach_lerp_([to[name] for name in moving], [source[name] for name in moving], 1 - decay)
    for name in source.keys() - set(moving):
        to[name].copy_(source[name])

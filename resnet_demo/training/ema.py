"""The exponential average of a network's weights, which is what is evaluated, saved and asked (Polyak and Juditsky,
'Acceleration of stochastic approximation by averaging', 1992)."""

import torch
from torch import nn

EVERY_STEPS = 4  # a pass over all weights costs half as much as the optimizer's


def ema_steps_due(step: int, steps_per_epoch: int) -> int:
    """How many steps the average takes in after `step` steps: those since it was last moved, or 0 where it stays. It
    moves after every fourth step of an epoch and at the epoch's end, where it is evaluated; what is saved between may
    be up to three steps behind. Of a run's first steps it takes in each, so that it is nowhere the untrained network.
    """
    if step <= min(EVERY_STEPS, steps_per_epoch):
        return 1
    in_epoch = (step - 1) % steps_per_epoch + 1
    since = (in_epoch - 1) % EVERY_STEPS + 1
    return since if since == EVERY_STEPS or in_epoch == steps_per_epoch else 0


@torch.no_grad()
def update_ema(ema_model: nn.Module, model: nn.Module, decay: float, step: int, taken: int) -> None:
    """Move the averaged weights and buffers towards the raw ones after `step` steps, by as much as `taken` moves would
    with these weights; faster in the first steps, where the raw weights are still far from where they began."""
    decay = min(decay, (1 + step) / (10 + step)) ** taken
    to, source = ema_model.state_dict(), model.state_dict()
    moving = [name for name, tensor in source.items() if tensor.is_floating_point()]
    torch._foreach_lerp_([to[name] for name in moving], [source[name] for name in moving], 1 - decay)
    for name in source.keys() - set(moving):
        to[name].copy_(source[name])

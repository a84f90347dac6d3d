"""Temperature scaling: makes a network as sure as it is right (Guo et al. 2017, arXiv:1706.04599, section 4.2)."""

import torch
from torch import Tensor

from resnet_demo.models.checkpoint_info import Calibration
from resnet_demo.runs.metrics import expected_calibration_error

RANGE = (0.02, 50.0)  # of temperatures that are looked at
HALVINGS = 60  # of that range, on a logarithmic scale


def calibrate(logits: Tensor, labels: Tensor) -> Calibration | None:
    """Fit a temperature on held-out images: logits (N, classes) and labels (N,). None where there is no mistake among
    their answers: then no temperature is low enough."""
    logits, labels = logits.detach().cpu().double(), labels.cpu()
    correct = (logits.argmax(1) == labels).numpy()
    if correct.all():
        return None
    temperature = fit_temperature(logits, labels)
    before, after = (
        expected_calibration_error((logits / divisor).softmax(1).max(1).values.numpy(), correct)
        for divisor in (1.0, temperature)
    )
    return Calibration(len(labels), temperature, before, after)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature of the least mean negative log-likelihood.

    That is convex in 1 / temperature. Its derivative there is the mean logit that the network expects, less the
    true class's, and is halved down to zero: no step size, and nothing that can run away.
    """
    wanted = logits.gather(1, labels[:, None]).mean()
    low, high = torch.tensor([1 / RANGE[1], 1 / RANGE[0]], dtype=logits.dtype).log()
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        expected = ((middle.exp() * logits).softmax(1) * logits).sum(1).mean()
        low, high = (low, middle) if expected > wanted else (middle, high)
    return float((-(low + high) / 2).exp())

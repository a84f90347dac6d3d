"""One training step on a device against the same step in float64 on the CPU: how far apart are its numbers?"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from resnet_demo.models.blocks import ResidualBlock
from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.runs.config import TrainConfig
from resnet_demo.training.device import DeviceChoice
from resnet_demo.training.optimizer import make_optimizer

RESIDUAL_SCALE = 0.05  # of each block's last norm: at 0, where many recipes start, its branch has no gradient


class Smooth(nn.Module):
    """In place of a ReLU. At a ReLU's kink rounding decides whether a gradient passes, so that gradients of a deep
    network in float32 are 1e-3 from those in float64 on any device; with this they are within 2e-5."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.silu(x)


@dataclass(frozen=True)
class StepNumbers:
    """What one step computed, as float64 on the CPU."""

    logits: Tensor  # (N, classes)
    loss: Tensor  # ()
    gradients: dict[str, Tensor]
    weights: dict[str, Tensor]  # after the step


@dataclass(frozen=True)
class Errors:
    """‖ours - reference‖ / ‖reference‖. Of the gradients and weights the whole as one long vector, and the worst
    single tensor with its name."""

    logits: float
    loss: float
    gradients: float
    weights: float
    worst_gradient: tuple[float, str]

    def __str__(self) -> str:
        worst, name = self.worst_gradient
        return (
            f"logits {self.logits:.0e}, loss {self.loss:.0e}, gradients {self.gradients:.0e} "
            f"(worst {worst:.0e}, {name}), weights {self.weights:.0e}"
        )


@dataclass(frozen=True)
class Step:
    """Which step: the network, with its ReLUs or smooth, and the batch (N, 3, H, W), normalised, with its labels."""

    spec: NetworkSpec
    smooth: bool
    images: Tensor
    labels: Tensor

    def reference(self) -> StepNumbers:
        """In float64 on the CPU."""
        return self._numbers(torch.device("cpu"), torch.float64, nullcontext)

    def on(self, choice: DeviceChoice) -> StepNumbers:
        """From the same weights and images on the chosen device, in its precision."""
        return self._numbers(choice.device, torch.float32, choice.autocast)

    def _numbers(self, device: torch.device, dtype: torch.dtype, autocast: Callable) -> StepNumbers:
        model = self._model().to(device, dtype).to(memory_format=torch.channels_last).train()
        config = TrainConfig(optimizer="sgd", learning_rate=0.1, momentum=0.9, weight_decay=5e-4, norm_bias_lr_mult=1.0)
        optimizer = make_optimizer(config, model)
        images = self.images.to(device, dtype, memory_format=torch.channels_last)
        with autocast():
            logits = model(images)
            loss = nn.functional.cross_entropy(logits, self.labels.to(device), label_smoothing=0.1)
        return _taken(model, optimizer, logits, loss)

    def _model(self) -> ResNet:
        """Drawn in float32 on the CPU: the same weights for every device and precision."""
        torch.manual_seed(0)
        model = ResNet(self.spec)
        for module in list(model.modules()):
            if isinstance(module, ResidualBlock):
                nn.init.constant_(module.last_norm.weight, RESIDUAL_SCALE)
            for name, child in module.named_children():
                if self.smooth and isinstance(child, nn.ReLU):
                    setattr(module, name, Smooth())
        return model


def _taken(model: ResNet, optimizer: torch.optim.Optimizer, logits: Tensor, loss: Tensor) -> StepNumbers:
    """The step, and all its numbers."""
    loss.backward()
    gradients = {name: _exact(parameter.grad) for name, parameter in model.named_parameters()}
    optimizer.step()
    weights = {name: _exact(parameter) for name, parameter in model.named_parameters()}
    return StepNumbers(_exact(logits), _exact(loss), gradients, weights)


def _exact(tensor: Tensor) -> Tensor:
    """A copy: the optimizer writes into weights and gradients."""
    return tensor.detach().to("cpu", torch.float64, copy=True)


def errors(ours: StepNumbers, reference: StepNumbers) -> Errors:
    by_tensor = ((relative(ours.gradients[name], wanted), name) for name, wanted in reference.gradients.items())
    return Errors(
        logits=relative(ours.logits, reference.logits),
        loss=relative(ours.loss, reference.loss),
        gradients=relative(_joined(ours.gradients), _joined(reference.gradients)),
        weights=relative(_joined(ours.weights), _joined(reference.weights)),
        worst_gradient=max(by_tensor),
    )


def relative(ours: Tensor, reference: Tensor) -> float:
    """‖ours - reference‖ / ‖reference‖; infinite where either is not finite, so that no NaN passes a bound."""
    error = ((ours - reference).norm() / reference.norm()).item()
    return error if error == error else float("inf")


def _joined(tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors.values()])

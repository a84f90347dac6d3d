"""All that continuing a training takes, in tensors and plain types: taken from one trainer, given to another. How it
lies on the disk is `resume_state`'s."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from resnet_demo.models.checkpoint_info import Calibration
from resnet_demo.runs.config import TrainConfig
from resnet_demo.text import name_of_class
from resnet_demo.training.errors import Diverged, TrainingError
from resnet_demo.training.optimizer import load_optimizer_state, optimizer_state

if TYPE_CHECKING:
    from resnet_demo.training.trainer import Trainer

STATE_FORMAT = 4
MAY_CHANGE = ("data", "device", "cuda_graph")  # settings of which a resumed run may have others
WITHOUT_SETTINGS = 3  # the format of the states of before, which know neither the settings nor the machine


def state_of(trainer: "Trainer") -> dict[str, Any]:
    """Raises Diverged if the weights are broken."""
    for network in (trainer.model, trainer.ema_model):
        if not all(torch.isfinite(tensor).all() for tensor in network.state_dict().values()):
            raise Diverged("The weights are no longer numbers", trainer.step)
    return {
        "format": STATE_FORMAT,
        "config": trainer.config.to_dict(),
        "machine": trainer.choice.facts(trainer.processes.size),
        "data": trainer.data.fingerprint(),
        "model": trainer.model.state_dict(),
        "averaged": trainer.ema_model.state_dict() if trainer.config.ema_decay else None,
        "optimizer": optimizer_state(trainer.optimizer),
        "scaler": trainer.scaler.state_dict(),  # empty but for float16
        "epochs_done": trainer.epochs_done,
        "step": trainer.step,
        "sums": trainer.sums,
        "elapsed_s": trainer.position()["elapsed_s"],
        "last_accuracy": trainer.last_accuracy,
        "calibration": asdict(trainer.calibration) if trainer.calibration else None,
        "validation_accuracies": list(trainer.validation_accuracies),
    }


def restore(trainer: "Trainer", state: dict[str, Any]) -> tuple[str, ...]:
    """Let a trainer go on where `state` was taken. Returns why it will not be as if it had never been paused. Raises
    TrainingError where the state does not fit the trainer's config or images."""
    if state.get("format") not in (STATE_FORMAT, WITHOUT_SETTINGS):
        raise TrainingError(
            "The saved state is of another version of resnet_demo and cannot be continued here. Start a new run "
            "from its weights."
        )
    warnings: tuple[str, ...] = ()
    if state["format"] != WITHOUT_SETTINGS:
        _refuse_other_settings(TrainConfig.from_dict(state["config"]), trainer.config)
        warnings = trainer.choice.changes_since(state["machine"], trainer.processes.size)
    facts = {**state["data"], "classes": [name_of_class(name) for name in state["data"]["classes"]]}
    now = trainer.data.fingerprint()
    if facts != {name: now.get(name) for name in facts}:
        raise TrainingError(
            "The images, their names or their classes are not those that this run began with, so it cannot go on "
            "exactly. Put them back as they were, or start a new run."
        )
    try:
        trainer.model.load_state_dict(state["model"])
        if trainer.config.ema_decay:
            trainer.ema_model.load_state_dict(state["averaged"])
        load_optimizer_state(trainer.optimizer, state["optimizer"])
        if trainer.scaler.is_enabled() and state.get("scaler"):
            trainer.scaler.load_state_dict(state["scaler"])
    except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError("The saved state does not fit this run's network and cannot be continued.") from error
    trainer.sums.copy_(state["sums"])
    trainer.epochs_done, trainer.step = state["epochs_done"], state["step"]
    trainer.elapsed_s, trainer.last_accuracy = state["elapsed_s"], state["last_accuracy"]
    fitted = state.get("calibration")  # which the states of before have not
    trainer.calibration = Calibration(**fitted) if fitted else None
    trainer.validation_accuracies = list(state.get("validation_accuracies", ()))  # nor these: they stopped by none
    return warnings


def _refuse_other_settings(saved: TrainConfig, config: TrainConfig) -> None:
    """The state is proved by its digest, config.json is not. The folder that the images lie in may be another:
    their own digest says whether they are the same. A CUDA graph replays the same steps; of another device
    `DeviceChoice.changes_since` speaks."""
    before, now = saved.to_dict(), config.to_dict()
    if others := [name for name in now if name not in MAY_CHANGE and now[name] != before[name]]:
        changes = ", ".join(f"{name} {now[name]!r} instead of {before[name]!r}" for name in others)
        raise TrainingError(
            f"config.json now says {changes}, with which this run was trained so far. Put it back as it was, or "
            "start a new run with the new settings."
        )

"""Runs with a saved network that has learned nothing: what reads checkpoints is tested without training one."""

from dataclasses import replace
from functools import cache

import torch

from resnet_demo.models.checkpoint import save_model
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.store import RunStore

INFO = ModelInfo(
    arch="resnet18",
    stem="imagenet",
    classes=("cat", "dog", "frog", "truck"),
    mean=(0.5, 0.4, 0.3),
    std=(0.2, 0.25, 0.3),
    data="folder:/srv/animals",
    light_on_dark=False,
    epoch=2,
    step=34,
    accuracy=0.625,
)
DIGITS = replace(INFO, classes=tuple("0123456789"), mean=(0.3,) * 3, std=(0.3,) * 3, data="digits", light_on_dark=True)


@cache
def network(seed: int = 0, classes: int = 4) -> ResNet:
    """ResNet-18 with random weights, different for each seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ResNet(NetworkSpec("resnet18", "imagenet", classes)).eval()
    with torch.no_grad():
        model.fc.weight *= 0.1  # so that no class takes all the probability
    return model


def make_run(store: RunStore, run_id: str, info: ModelInfo = INFO, seed: int = 0) -> RunDirectory:
    """A new run with a checkpoint."""
    run = store.create(preset_config("tour"), name=run_id)
    save_model(run.model_path, network(seed, len(info.classes)), info)
    return run

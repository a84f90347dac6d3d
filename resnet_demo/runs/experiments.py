"""Trainings that differ in their network alone, to be laid over each other: what depth does without shortcuts and with
them (arXiv:1512.03385, figures 1 and 6). Imports no torch."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from resnet_demo.runs.config import TrainConfig, preset_config
from resnet_demo.runs.snapshot import Snapshot

# What does not change what is learned, but for rounding: runs that differ in these alone are the same experiment.
OF_THE_MACHINE = ("device", "precision", "compile", "cuda_graph", "deterministic", "threads", "processes")
OF_THE_LOG = ("preset", "log_every_steps", "measure_blocks_every")
_LEARNED_BY = [field.name for field in fields(TrainConfig) if field.name not in OF_THE_MACHINE + OF_THE_LOG]
# The paper's recipe at a size that two cores get through: few images as they are, and small batches, which give more
# steps of the same images. The imagenet stem is the cheapest for its depth.
SMALL: dict[str, Any] = {
    "data": "digits",
    "stem": "imagenet",
    "train_images": 256,
    "test_images": 297,
    "batch_size": 16,
    "learning_rate": 0.05,
    "crop_padding": 0,
    "flip": False,
    "log_every_steps": 16,  # a point for each epoch
    "threads": 1,  # of so small batches two threads would mostly wait for each other
}


@dataclass(frozen=True)
class Experiment:
    """Networks trained by one recipe with one seed. `groups` are drawn apart, each of networks to be compared."""

    label: str
    help: str
    groups: tuple[tuple[str, ...], ...]
    recipe: dict[str, Any]

    @property
    def networks(self) -> list[str]:
        return [arch for group in self.groups for arch in group]

    def config(self, arch: str, seed: int) -> TrainConfig:
        """Raises ConfigError for a seed that is none."""
        return preset_config("paper", **{**self.recipe, "arch": arch, "seed": seed})

    def configs(self, seed: int) -> list[TrainConfig]:
        """In the order in which they are trained. Raises ConfigError for a seed that is none."""
        return [self.config(arch, seed) for arch in self.networks]

    def runs(self, snapshots: Iterable[Snapshot], seed: int) -> dict[str, Snapshot]:
        """Of each network the run of this experiment that comes first among `snapshots`, where there is one."""
        wanted = {_what_is_learned(config): config.arch for config in self.configs(seed)}
        found: dict[str, Snapshot] = {}
        for snapshot in snapshots:
            arch = wanted.get(_what_is_learned(snapshot.config))
            if arch is not None:
                found.setdefault(arch, snapshot)
        return {arch: found[arch] for arch in self.networks if arch in found}


EXPERIMENTS = {
    "race": Experiment(
        "A race: 18 layers without and with shortcuts",
        "Two runs on 256 handwritten digits, one after the other: about a minute each on a CPU.",
        (("plain18", "resnet18"),),
        {**SMALL, "epochs": 24},
    ),
    "digits": Experiment(
        "Degradation, small: 18 and 34 layers",
        "Four runs on 256 handwritten digits: a quarter of an hour on a CPU.",
        (("plain18", "plain34"), ("resnet18", "resnet34")),
        {**SMALL, "epochs": 80},
    ),
    "paper": Experiment(
        "Degradation, as in the paper: 20 and 56 layers",
        "Four runs on CIFAR-10 by the paper's recipe. For a GPU: on a CPU they take days.",
        (("plain20", "plain56"), ("resnet20", "resnet56")),
        {"data": "cifar10"},
    ),
}


def _what_is_learned(config: TrainConfig) -> tuple[Any, ...]:
    """The same for runs of one experiment, on whatever machine."""
    return tuple(getattr(config, name) for name in _LEARNED_BY)

"""Several processes train one network: what they begin with, and what every one of them but the first does. The first
is the Worker, which alone has the data and the run directory and touches files."""

from typing import Any, NamedTuple

from torch import Tensor

from resnet_demo.data.dataset import Dataset
from resnet_demo.training.config import TrainConfig
from resnet_demo.training.device import prepare
from resnet_demo.training.events import RunEnded
from resnet_demo.training.parallel import Processes
from resnet_demo.training.runs import PAUSE, RUN
from resnet_demo.training.signals import PauseSignals
from resnet_demo.training.trainer import Trainer


class Material(NamedTuple):
    """All that it takes to train: the first process loads it, the others hear it."""

    config: TrainConfig
    threads: int | None  # of an earlier start
    dataset: Dataset
    state: dict[str, Any] | None  # to go on from
    weights: dict[str, Tensor] | None  # to begin with, where there is no state


def follow(processes: Processes, signals: PauseSignals) -> None:
    """Train with the first process until the run ends or one of them wants to pause or stop. Raises ProcessLost,
    and what the first process's trainer raises at the same place."""
    while isinstance(said := processes.hear_first(None), str):  # what is wanted, while the first process loads
        if said != RUN:
            return
    choice = prepare(said.config, said.threads, processes.size)
    trainer = Trainer(said.config, said.dataset, choice, processes)
    if said.state is not None:
        trainer.load_state_dict(said.state)
    elif said.weights is not None:
        trainer.begin_with(said.weights, warnings=())
    for event in trainer.run():
        if isinstance(event, RunEnded) or processes.agree(PAUSE if signals.came else RUN) != RUN:
            return

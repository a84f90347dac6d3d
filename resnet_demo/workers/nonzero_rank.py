"""Several processes train one network: what they begin with, and what every one of them but the first does. The first
is the Worker, which alone has the data and the run directory and touches files."""

from resnet_demo.runs.events import RunEnded
from resnet_demo.runs.worker_files import PAUSE, RUN
from resnet_demo.training.device import prepare
from resnet_demo.training.distributed import Processes
from resnet_demo.training.trainer import Trainer
from resnet_demo.workers.signals import PauseSignals


def run_nonzero_rank(processes: Processes, signals: PauseSignals) -> None:
    """Train with the first process until the run ends or one of them wants to pause or stop. Raises ProcessLost,
    and what the first process's trainer raises at the same place."""
    while isinstance(said := processes.broadcast_object(None), str):  # what is wanted, while the first process loads
        if said != RUN:
            return
    choice = prepare(said.machine, processes.size)
    trainer = Trainer(said.config, said.dataset, choice, processes)
    if said.state is not None:
        trainer.load_state_dict(said.state)
    elif said.weights is not None:
        trainer.load_initial_weights(said.weights, warnings=())
    for event in trainer.run():
        if isinstance(event, RunEnded) or processes.agree_on_request(PAUSE if signals.came else RUN) != RUN:
            return

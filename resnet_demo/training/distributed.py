"""The processes that train one network together, as torchrun starts them: what each does alone, and what they say to
each other. Torch is imported where there is more than one, so that a process alone waits for nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from resnet_demo.errors import UserError
from resnet_demo.runs.worker_files import URGENCY

if TYPE_CHECKING:
    from torch import Tensor, nn

    from resnet_demo.data.dataset import Dataset
    from resnet_demo.runs.config import TrainConfig

TIMEOUT = timedelta(minutes=10)  # how long a process waits for the others; saving to a slow disk is well within it


class ProcessLost(UserError):
    """Another process of the run has gone: a sentence for people. The run is interrupted and can be resumed."""


class Processes:
    """The run's processes as one of them sees them. Here there is but the one: every exchange is with nobody."""

    rank, size = 0, 1

    @property
    def shard(self) -> slice:
        """Which of a batch's images are this process's: every `size`-th, so that shards differ by one at most."""
        return slice(self.rank, None, self.size)

    def all_reduce_gradients(self, network: nn.Module, share: float, counted: Tensor) -> None:
        """Make every gradient the mean over the whole batch, and `counted` (K,) the sum over the processes.

        `share` is this process's part of the batch, 0..1; its gradients are means over that part.
        """

    def all_reduce_sum(self, counted: Tensor) -> None:
        """Make `counted` the sum over the processes."""

    def broadcast_tensors(self, tensors: Iterable[Tensor]) -> None:
        """Give the tensors the first process's values."""

    def broadcast_object(self, said: Any) -> Any:
        """What the first process says; what the others say is not heard."""
        return said

    def agree_on_request(self, wanted: str) -> str:
        """The most urgent of what the processes want: discard, stop, pause or run."""
        return wanted


SINGLE_PROCESS = Processes()


class DistributedProcesses(Processes):
    """Several. An exchange takes all of them, in the same order; it raises ProcessLost where one has gone or says
    nothing for TIMEOUT."""

    def __init__(self) -> None:
        import torch
        from torch import distributed

        self._torch, self._distributed = torch, distributed
        # Words travel between the CPUs, so that no GPU is waited for to hear them; numbers by the fastest way.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        with _lost():
            store, self.rank, self.size = next(distributed.rendezvous("env://", timeout=TIMEOUT))
            if os.environ.get("LOCAL_WORLD_SIZE") == str(self.size):
                # On one machine torchrun restarts with the store it had: the dead must not be found at their old
                # address there. (On several, each counts its own restarts, so there it cannot be told which is which.)
                store = distributed.PrefixStore(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0"), store)
            distributed.init_process_group(backend, store=store, rank=self.rank, world_size=self.size, timeout=TIMEOUT)
        self._flat: Tensor  # laid out with the first gradients
        self._views: list[Tensor] = []

    def all_reduce_gradients(self, network: nn.Module, share: float, counted: Tensor) -> None:
        """All gradients in one message: at a hundred small ones the time to begin would count."""
        parameters = list(network.parameters())
        if not self._views:
            self._lay_out([*parameters, counted])
        numbers = len(self._flat) - len(counted)
        self._torch._foreach_copy_(self._views, [*(p.grad for p in parameters if p.grad is not None), counted])
        self._flat[:numbers].mul_(share)
        with _lost():
            self._distributed.all_reduce(self._flat)
        for parameter, view in zip(parameters, self._views, strict=False):
            parameter.grad = view
        counted.copy_(self._views[-1])

    def _lay_out(self, tensors: list[Tensor]) -> None:
        """One flat tensor, and for each of `tensors` its place there, in the same memory layout: the fused optimizer
        goes through parameter and gradient side by side in memory and takes another layout for other numbers."""
        sizes = [tensor.numel() for tensor in tensors]
        self._flat = tensors[0].new_empty(sum(sizes))
        self._views = [
            part.as_strided(tensor.shape, tensor.stride(), part.storage_offset())
            for part, tensor in zip(self._flat.split(sizes), tensors, strict=True)
        ]

    def all_reduce_sum(self, counted: Tensor) -> None:
        with _lost():
            self._distributed.all_reduce(counted)

    def broadcast_tensors(self, tensors: Iterable[Tensor]) -> None:
        with _lost():
            for tensor in tensors:
                self._distributed.broadcast(tensor, 0)

    def broadcast_object(self, said: Any) -> Any:
        box = [said]
        with _lost():
            self._distributed.broadcast_object_list(box, 0, device=self._torch.device("cpu"))
        return box[0]

    def agree_on_request(self, wanted: str) -> str:
        urgency = self._torch.tensor(URGENCY.index(wanted))
        with _lost():
            self._distributed.all_reduce(urgency, self._distributed.ReduceOp.MAX)
        return URGENCY[int(urgency)]


class TrainingInputs(NamedTuple):
    """All that it takes to train: the first process loads it, the others hear it."""

    config: TrainConfig
    machine: TrainConfig  # the config by which each process is set up: `workers.environment.as_before`
    dataset: Dataset
    state: dict[str, Any] | None  # to go on from
    weights: dict[str, Tensor] | None  # to begin with, where there is no state


def torchrun_command(processes: int, arguments: list[str]) -> list[str]:
    """`python -m resnet_demo ARGUMENTS` in so many processes on this machine."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    return [*torchrun, "-m", "--", "resnet_demo", *arguments]  # without the -- it takes --run for one of its own


def is_under_torchrun() -> bool:
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_rank_zero() -> bool:
    """Whether this process is the one that holds the locks and writes the files."""
    return os.environ.get("RANK", "0") == "0"


def init_distributed() -> Processes:
    """Meet the other processes, if torchrun has started any."""
    return DistributedProcesses() if int(os.environ.get("WORLD_SIZE", "1")) > 1 else SINGLE_PROCESS


@contextmanager
def _lost() -> Iterator[None]:
    """Around an exchange alone: there, an error means that the others cannot be reached."""
    try:
        yield
    except RuntimeError as error:
        why = str(error).partition("\n")[0]
        raise ProcessLost(
            f"Another process of this run has gone or cannot be reached ({why}), so this one ends, too. Start it again "
            "to go on from its last saved point."
        ) from error

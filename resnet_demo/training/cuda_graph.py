"""A training step recorded once and replayed: the same kernels on the same memory, without the CPU between them.

With small images a step is hundreds of short kernels, and a GPU waits longer for the CPU to start them than it takes to
compute them. A CUDA graph starts them all at once. What it takes: every tensor stays where it is in memory, and the
step reads nothing back. What it does not cover: several processes, whose exchange would have to be recorded, too.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from resnet_demo.data.batches import BatchPlan

WARM_UP_STEPS = 3  # as they are, so that libraries choose their kernels and the optimizer has its state

Step = Callable[[BatchPlan, bool], Tensor | None]  # numbers of a batch, and whether the gradients' norm is wanted


class CudaGraphError(RuntimeError):
    """The step cannot be recorded; the message is CUDA's own."""


class CapturedStep:
    """Calls `step(plan, True)`: the first times as it is, on a stream beside the program's, then as a CUDA graph.

    All are steps of the training; recording itself computes nothing. Batches must have one shape.
    """

    def __init__(self, step: Step) -> None:
        self._step = step
        self._stream = torch.cuda.Stream()
        self._warm_up_steps = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._plan: BatchPlan  # where the graph reads
        self._result: Tensor | None = None  # where it writes

    def __call__(self, plan: BatchPlan, is_logged: bool) -> Tensor | None:
        """What `step` returns where it is logged, valid until the next call, else None: read back, it would hold up
        the device. It is always computed, for a graph has no branches."""
        if self._warm_up_steps < WARM_UP_STEPS:
            self._warm_up_steps += 1
            result = self._beside(plan)
            return result if is_logged else None
        graph = self._graph or self._record(plan)
        for place, numbers in zip(self._plan, plan, strict=True):
            place.copy_(numbers)
        graph.replay()
        return self._result if is_logged else None

    def _beside(self, plan: BatchPlan) -> Tensor | None:
        """A step on the stream that will be recorded."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            result = self._step(plan, True)
        torch.cuda.current_stream().wait_stream(self._stream)
        return result

    def _record(self, plan: BatchPlan) -> torch.cuda.CUDAGraph:
        self._plan = BatchPlan(*(numbers.clone() for numbers in plan))
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        try:
            with _no_garbage_collection(), torch.cuda.graph(graph, stream=self._stream):
                self._result = self._step(self._plan, True)
        except RuntimeError as error:
            # Where the step fails, ending the recording fails, too: that error hides the step's, and its stream stays.
            torch.cuda.set_stream(stream)
            cause = error.__context__ or error
            if isinstance(cause, torch.OutOfMemoryError):
                raise cause from None
            raise CudaGraphError(str(cause).partition("\n")[0]) from cause
        self._graph = graph
        return graph


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A trainer that is done lies in a cycle with its CUDA graph. To destroy that graph is an operation that CUDA does
    not permit while a step is recorded: collected then, it would end the recording. `torch.cuda.graph` does not collect
    before it by itself."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

"""A step that is replayed from a recording trains as one that is computed, shown without a GPU: the recording is of the
operators that PyTorch calls, and replays them on the tensors that they were recorded with, as CUDA does."""

import contextlib
import copy
import gc
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace
from weakref import ref

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from resnet_demo.data.batches import BatchPlan
from resnet_demo.runs import events
from resnet_demo.training import optimizer
from resnet_demo.training.cuda_graph import WARM_UP_STEPS, CapturedStep, CudaGraphError
from resnet_demo.training.device import choose_device
from resnet_demo.training.errors import TrainingError
from resnet_demo.training.trainer import Trainer
from tests.support.states import assert_equal_states

READ_BACK = torch.ops.aten._local_scalar_dense.default


class Recording(TorchDispatchMode):
    """Stands for torch.cuda.CUDAGraph: what is called within it is kept, and what it has written is taken back."""

    def __init__(self):
        super().__init__()
        self.calls, self.before, self.made = [], {}, []

    def __torch_dispatch__(self, operator, types, arguments=(), keywords=None):
        assert operator is not READ_BACK, "a recorded step reads back what the device has computed"
        keywords = keywords or {}
        made = {id(tensor) for tensor in self.made}
        for tensor in self._tensors((arguments, keywords)):
            if id(tensor) not in made and tensor.untyped_storage().data_ptr() not in self._storages():
                self.before.setdefault(id(tensor), (tensor, tensor.clone()))
        result = operator(*arguments, **keywords)
        self.calls.append((operator, arguments, keywords, result))
        self.made += self._tensors(result)
        return result

    def _storages(self):
        return {tensor.untyped_storage().data_ptr() for tensor in self.made}

    @staticmethod
    def _tensors(tree):
        return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]

    def __exit__(self, *error):
        super().__exit__(*error)
        with torch.no_grad():
            for tensor, was in self.before.values():
                tensor.copy_(was)

    @torch.no_grad()
    def replay(self):
        for operator, arguments, keywords, result in self.calls:
            again = self._tensors(operator(*arguments, **keywords))
            for place, value in zip(self._tensors(result), again, strict=True):
                if place.untyped_storage().data_ptr() != value.untyped_storage().data_ptr():
                    place.copy_(value)


@pytest.fixture
def on_a_stand_in(monkeypatch):
    """CUDA's names, on the CPU."""
    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "Stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: stream)
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: None)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: contextlib.nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Recording)
    monkeypatch.setattr(torch.cuda, "graph", lambda recording, stream: recording)


@pytest.fixture
def make_trainer(colours_config, tiny_dataset, monkeypatch):
    def make(captured, **changes):
        config = replace(colours_config, threads=1, epochs=1, precision="float32", **{"log_every_steps": 1, **changes})
        config = replace(config, cuda_graph=captured)
        monkeypatch.setattr(optimizer, "is_on_cuda", lambda weight: True)
        trainer = Trainer(config, tiny_dataset, choose_device("cpu", "float32"))
        if captured:
            trainer._compute = CapturedStep(trainer._compute_step)
        return trainer

    return make


def logged(trainer, count=None):
    stream = islice(trainer.run(), count)
    return [(e.train_loss, e.gradient_norm) for e in stream if isinstance(e, events.MetricsLogged)]


@pytest.mark.parametrize("changes", [{"optimizer": "sgd", "momentum": 0.9}, {"optimizer": "adamw"}], ids=str)
def test_replayed_steps_are_the_steps(make_trainer, on_a_stand_in, changes):
    """The rate, which changes with every step, the batch, the statistics of the norms and the optimizer's state."""
    changes = {**changes, "learning_rate": 0.01, "crop_padding": 4, "cutout": 8}
    captured, eager = make_trainer(True, **changes), make_trainer(False, **changes)
    assert logged(captured) == logged(eager)
    assert captured.step == 10 > WARM_UP_STEPS + 2 and captured._compute._graph.calls
    assert_equal_states(captured.state_dict()["model"], eager.state_dict()["model"])
    assert_equal_states(captured.state_dict()["averaged"], eager.state_dict()["averaged"])


def test_a_recorded_step_reads_nothing_back_where_it_is_not_logged(make_trainer, on_a_stand_in):
    steps = [
        event.step for event in make_trainer(True, log_every_steps=4).run() if isinstance(event, events.MetricsLogged)
    ]
    assert steps == [4, 8, 10]  # every fourth, and an epoch's last


def test_a_run_goes_on_from_a_recorded_one(make_trainer, on_a_stand_in):
    whole = logged(make_trainer(False, optimizer="sgd", learning_rate=0.01))
    first = make_trainer(True, optimizer="sgd", learning_rate=0.01)
    told = logged(first, 1 + 2 * 6)
    assert first.step == 6
    for captured in (True, False):
        second = make_trainer(captured, optimizer="sgd", learning_rate=0.01)
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        assert told + logged(second) == whole


@pytest.mark.parametrize("was_enabled", [True, False])
def test_no_earlier_graph_is_collected_while_a_step_is_recorded(on_a_stand_in, was_enabled):
    """CUDA does not permit to destroy a graph then, and the one of a trainer that is done lies in a cycle."""

    class Trainer:
        def __init__(self):
            self.compute = CapturedStep(self.step)

        def step(self, drawn, is_logged):
            if drawn is self.compute.__dict__.get("_plan"):  # being recorded
                seen.append((done() is None, gc.isenabled()))

    seen, drawn = [], BatchPlan(*[torch.zeros(2)] * len(BatchPlan._fields))
    gc.disable()
    try:
        done = ref(Trainer())
        assert done() is not None
        if was_enabled:
            gc.enable()
        trainer = Trainer()
        for _ in range(WARM_UP_STEPS + 1):
            trainer.compute(drawn, False)
        assert seen == [(True, False)] and gc.isenabled() is was_enabled
    finally:
        gc.enable()


def test_what_cannot_be_recorded_is_a_sentence(make_trainer, on_a_stand_in, monkeypatch):
    def refused(recording, stream):
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nCUDA kernel errors might …")

    monkeypatch.setattr(torch.cuda, "graph", refused)
    with pytest.raises(TrainingError, match=r"\(CUDA error: operation not permitted .* capturing\)\. Turn CUDA graph"):
        logged(make_trainer(True))


def test_too_little_memory_for_a_recording_stays_what_it_is(make_trainer, on_a_stand_in, monkeypatch):
    def full(recording, stream):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.cuda, "graph", full)
    with pytest.raises(torch.OutOfMemoryError):
        logged(make_trainer(True))


class Invalidated(contextlib.AbstractContextManager):
    """Stands for torch.cuda.graph around what fails: to end the recording fails, too."""

    def __exit__(self, *error):
        raise RuntimeError("CUDA error: operation failed due to a previous error during capture")


@pytest.mark.parametrize(
    ("cause", "raised"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), torch.OutOfMemoryError),
        (RuntimeError("CUDA error: operation not permitted when stream is capturing\n…"), CudaGraphError),
    ],
)
def test_what_failed_first_in_a_recording_is_told_and_the_stream_is_as_before(
    on_a_stand_in, monkeypatch, cause, raised
):
    def step(drawn, is_logged):
        if recording:
            raise cause

    recording, streams = [], []
    monkeypatch.setattr(torch.cuda, "graph", lambda graph, stream: recording.append(graph) or Invalidated())
    monkeypatch.setattr(torch.cuda, "set_stream", streams.append)
    captured, drawn = CapturedStep(step), BatchPlan(*[torch.zeros(2)] * len(BatchPlan._fields))
    for _ in range(WARM_UP_STEPS):
        captured(drawn, False)
    with pytest.raises(raised, match=str(cause).partition("\n")[0]):
        captured(drawn, False)
    assert streams == [torch.cuda.current_stream()]

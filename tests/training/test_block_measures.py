"""What the blocks do is measured while a run trains, and the training is the same bit for bit without it."""

import math
from dataclasses import replace

import pytest
import torch

from resnet_demo.runs import events
from resnet_demo.training.device import choose_device
from resnet_demo.training.trainer import Trainer
from tests.support.states import assert_equal_states


@pytest.fixture
def make_trainer(colours_config, tiny_dataset):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def make(**changes):
        return Trainer(replace(colours_config, **changes), tiny_dataset, choose_device("cpu", "float32", 1))

    yield make
    torch.set_num_threads(threads)


def losses(stream):
    return [event.train_loss for event in stream if isinstance(event, events.MetricsLogged)]


def test_measuring_the_blocks_changes_nothing_of_the_training(make_trainer):
    measured, alone = make_trainer(measure_blocks_every=3), make_trainer(measure_blocks_every=0)
    told, untold = list(measured.run()), list(alone.run())
    found = [event for event in told if isinstance(event, events.BlocksMeasured)]
    assert [event.step for event in found] == [3, 6, 9, 12, 15, 18]
    assert losses(told) == losses(untold)
    without = {"elapsed_s": 0.0, "config": {}}
    assert_equal_states(measured.state_dict() | without, alone.state_dict() | without)


def test_the_blocks_are_measured_on_the_batch_that_was_learned_without_a_random_number(make_trainer):
    trainer = make_trainer(measure_blocks_every=4)
    stream = trainer.run()
    while not isinstance(event := next(stream), events.StepEnded) or event.step < 3:
        pass
    random = torch.get_rng_state()
    found = next(event for event in stream if isinstance(event, events.BlocksMeasured))
    assert found.step == 4 and torch.equal(torch.get_rng_state(), random)
    blocks = sum(trainer.model.spec.architecture.depths)
    for measures in (found.ratios, found.response_stds, found.gradient_norms):
        assert len(measures) == blocks and all(math.isfinite(value) for value in measures)

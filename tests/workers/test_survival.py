"""A worker that is killed (SIGKILL) again and again, and resumed each time, ends where an undisturbed one ends."""

import random
import time
from dataclasses import replace

import torch

from resnet_demo.models.checkpoint import load_model
from resnet_demo.runs.store import RunStore
from tests.support.workers import LONG, TrainCommand, curves

KILLS = 6


def wait_for_news(run, process) -> None:
    """Until the worker has said something new: from then on it trains, evaluates or saves."""
    said, deadline = len(run.events()), time.monotonic() + LONG
    while len(run.events()) <= said and process.is_alive():
        assert time.monotonic() < deadline, "the worker says nothing"
        time.sleep(0.01)


def test_a_run_killed_at_random_moments_ends_with_the_very_weights_and_curves(tmp_path, tiny_config):
    store, moments = RunStore(tmp_path / "runs"), random.Random(0)
    config = replace(tiny_config, epochs=5)
    whole, killed = store.create(config, name="whole"), store.create(config, name="killed")
    assert TrainCommand(whole, tmp_path).wait() == 0
    trained_s = whole.view().elapsed_s

    kills = 0
    while kills < KILLS:
        process = TrainCommand(killed, tmp_path)
        wait_for_news(killed, process)
        time.sleep(moments.uniform(0, trained_s / 3))
        process.kill()
        assert not killed.is_alive()
        if killed.view().ended:  # finished before its moment came
            break
        kills += 1
    assert TrainCommand(killed, tmp_path).wait() == 0

    assert kills >= 3 and killed.view().ended.outcome == "finished"
    assert curves(killed.view()) == curves(whole.view())
    (continued, _), (expected, _) = load_model(killed.model_path), load_model(whole.model_path)
    for name, tensor in expected.state_dict().items():
        assert torch.equal(continued.state_dict()[name], tensor), name
    assert list(killed.path.rglob(".*")) == []

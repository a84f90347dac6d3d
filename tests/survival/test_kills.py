"""A worker that is killed at fifty random moments ends with the very bits and curves of one that never was."""

import random
import time
from collections import Counter
from dataclasses import replace

import pytest

from resnet_demo.runs.store import RunStore
from tests.support.states import assert_equal_states
from tests.support.workers import (
    EVALUATING,
    NAMES,
    SAVING,
    TRAINING,
    KillableWorker,
    curves,
    final_state,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

# How often each is aimed at, and the longest wait for it, in times that it is entered. A life makes at most
# 4 steps, 5 (to the end of an epoch), or 10 (two saves), so that the run's 61 epochs of 5 outlast all lives.
AIMS = {TRAINING: (20, 4), EVALUATING: (15, 1), SAVING: (15, 4)}


def test_fifty_kills_leave_no_trace(tmp_path, tiny_config):
    moments = random.Random(0)
    store = RunStore(tmp_path / "runs")
    config = replace(tiny_config, epochs=61, train_images=96)
    whole, killed = store.create(config, name="whole"), store.create(config, name="killed")
    undisturbed = KillableWorker(whole, tmp_path, save_every_s=60)
    undisturbed.wait()
    spent_s, entered = undisturbed.place.spent_s, undisturbed.place.entered
    mean_s = [spent / max(1, times) for spent, times in zip(spent_s, entered, strict=True)]

    aims = [phase for phase, (times, _) in AIMS.items() for _ in range(times)]
    moments.shuffle(aims)
    died_in = Counter()
    for aim in aims:
        worker = KillableWorker(killed, tmp_path, save_every_s=0.2)
        assert worker.wait_inside(aim, moments.randint(1, AIMS[aim][1]))
        time.sleep(moments.uniform(0, mean_s[aim]))
        died_in[NAMES[worker.kill()]] += 1
        assert not killed.is_alive() and killed.view().ended is None
    KillableWorker(killed, tmp_path, save_every_s=60).wait()

    print(f"killed while {dict(died_in)}")
    assert died_in.total() == 50 and min(died_in[NAMES[phase]] for phase in AIMS) >= 5, died_in
    assert killed.view().ended.outcome == "finished"
    assert len(killed.view().epochs) == config.epochs
    assert curves(killed.view()) == curves(whole.view())
    assert_equal_states(final_state(killed, tmp_path), final_state(whole, tmp_path))
    assert killed.saved_epochs() == whole.saved_epochs() and list(killed.path.rglob(".*")) == []

"""What a visitor's GPU time is said to be enough for."""

import pytest

from resnet_demo.hub.gpu_time import GpuTime
from resnet_demo.ui.html.visitors import gpu_time_html
from tests.support.snapshots import ENDED, EPOCH, METRIC, snapshot, started


@pytest.fixture
def run(store, tiny_config):
    return store.create(tiny_config)


def said(run, log, left_s):
    return gpu_time_html(GpuTime(left_s, 300.0, None), log and snapshot(run, log))


def test_how_far_it_trains_the_run_in_front(run):
    """Two epochs of 20 steps, of which the first took 65 s with its evaluation."""
    log = [started(), METRIC, EPOCH]
    assert "to epoch 1 of 2" in said(run, log, 60.0)
    assert "to the end of this run" in said(run, log, 65.0)
    assert "You have 1 min 00 s of GPU time left, of 5 min 00 s." in said(run, log, 60.0)


def test_without_an_epoch_to_go_by_nothing_is_guessed(run):
    for log in (None, [], [started()], [started(), METRIC], [started(), EPOCH, ENDED["finished"]]):
        assert said(run, log, 60.0).endswith("of 5 min 00 s. </p>")

import pytest
import torch
from torch import nn

from resnet_demo.training.ema import ema_steps_due, update_ema


@pytest.mark.parametrize("steps_per_epoch", [1, 2, 3, 4, 5, 8, 10])
def test_no_step_is_left_out_and_none_counts_twice(steps_per_epoch):
    pending = 0
    for step in range(1, 3 * steps_per_epoch + 1):
        pending += 1
        if taken := ema_steps_due(step, steps_per_epoch):
            assert taken == pending
            pending = 0
        assert pending < 4
        if step % steps_per_epoch == 0 or step <= min(4, steps_per_epoch):
            assert pending == 0


def test_a_move_over_several_steps_is_as_many_moves():
    raw, once, often = (nn.BatchNorm1d(3) for _ in range(3))
    nn.init.uniform_(raw.weight), nn.init.uniform_(raw.running_mean)
    update_ema(once, raw, 0.9, step=1000, taken=4)
    for _ in range(4):
        update_ema(often, raw, 0.9, step=1000, taken=1)
    torch.testing.assert_close(once.state_dict(), often.state_dict())


def test_whole_numbers_are_copied():
    raw, averaged = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    raw(torch.randn(4, 3))
    update_ema(averaged, raw, 0.9, step=1, taken=1)
    assert averaged.num_batches_tracked == 1

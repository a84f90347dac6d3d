"""The learning rate over a run: its shape, and its ends."""

import pytest

from resnet_demo.runs.schedule import learning_rate


def test_one_cycle_rises_then_falls_to_its_last_step():
    rates = [learning_rate(step, 100, 1.0, "one_cycle", 0.2) for step in range(100)]
    assert rates[19] == max(rates) == 1.0 and rates[0] == pytest.approx(0.05)
    assert rates[:20] == sorted(rates[:20]) and rates[19:] == sorted(rates[19:], reverse=True)
    assert rates[99] == pytest.approx(1 / 80)


def test_constant_and_no_warm_up_have_no_zero_division():
    assert learning_rate(7, 10, 0.3, "constant", 0.5) == 0.3
    assert learning_rate(0, 10, 0.3, "one_cycle", 0.0) == 0.3

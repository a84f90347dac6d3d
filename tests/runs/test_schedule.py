"""The learning rate over a run: its shape, and its ends."""

import pytest

from resnet_demo.runs.schedule import learning_rate


def test_one_cycle_rises_then_falls_to_its_last_step():
    rates = [learning_rate(step, 100, 1.0, "linear_warmup_decay", 0.2) for step in range(100)]
    assert rates[19] == max(rates) == 1.0 and rates[0] == pytest.approx(0.05)
    assert rates[:20] == sorted(rates[:20]) and rates[19:] == sorted(rates[19:], reverse=True)
    assert rates[99] == pytest.approx(1 / 80)


def test_step_falls_at_half_and_at_three_quarters():
    rates = [learning_rate(step, 100, 1.0, "step", 0.0) for step in range(100)]
    assert rates == pytest.approx([1.0] * 50 + [0.1] * 25 + [0.01] * 25)
    assert learning_rate(0, 100, 1.0, "step", 0.02) == 0.5 and learning_rate(2, 100, 1.0, "step", 0.02) == 1.0


def test_constant_and_no_warm_up_have_no_zero_division():
    assert learning_rate(7, 10, 0.3, "constant", 0.5) == 0.3
    assert learning_rate(0, 10, 0.3, "linear_warmup_decay", 0.0) == 0.3

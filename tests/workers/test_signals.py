"""What a process that trains makes of Ctrl-C, SIGTERM and SIGHUP."""

import signal

import pytest

from resnet_demo.workers.signals import PauseSignals

ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers():
    before = {number: signal.getsignal(number) for number in ALL}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ALL)
def test_the_first_asks_to_pause_and_only_a_hangup_may_come_again(number):
    signals = PauseSignals()
    signals.install()
    signal.raise_signal(number)
    assert signals.came
    assert [signal.getsignal(one) for one in ALL] == [signal.SIG_DFL, signal.SIG_DFL, signal.SIG_IGN]
    signal.raise_signal(signal.SIGHUP)


@pytest.mark.parametrize("number", ALL)
def test_what_was_ignored_stays_ignored(number):
    signal.signal(number, signal.SIG_IGN)
    signals = PauseSignals()
    signals.install()
    signal.raise_signal(number)
    assert not signals.came
    signal.raise_signal(next(one for one in ALL if one != number))
    assert signals.came and signal.getsignal(number) is signal.SIG_IGN


def test_the_second_does_what_it_is_told_to():
    seconds = []
    signals = PauseSignals(second=lambda number, frame: seconds.append(number))
    signals.install()
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.raise_signal(number)
    assert seconds == [signal.SIGINT]

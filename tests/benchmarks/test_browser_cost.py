"""What is measured beside a run that logs ends with its thread, however it ends."""

import threading

import pytest

from benchmarks.browser_cost import logging_on


def test_a_browser_that_fails_ends_the_logging(run):
    before = threading.active_count()
    with pytest.raises(RuntimeError), logging_on(run, iter(())):
        raise RuntimeError("Chromium has crashed")
    assert threading.active_count() == before

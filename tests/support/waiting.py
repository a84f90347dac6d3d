"""Waiting for what another process does: with a bound for a busy machine, never a measure."""

import time
from collections.abc import Callable


def wait_for(condition: Callable[[], object], what: str, limit_s: float, poll_s: float = 0.1) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come in {limit_s} s"
        time.sleep(poll_s)

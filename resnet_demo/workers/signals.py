"""Ctrl-C, SIGTERM and SIGHUP, as a process takes them that has something to save: a worker, and the app."""

import signal
from collections.abc import Callable

# What each one does after the first of them. A terminal that goes away sends two SIGHUPs, its shell's and its own.
_THEN = {signal.SIGINT: signal.SIG_DFL, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_IGN}


class PauseSignals:
    """The first one asks to pause: save, end, and leave a run that can be resumed. A second Ctrl-C or SIGTERM ends at
    once, or does what `second` says.

    What was ignored when the process started stays ignored: under `nohup`, or Ctrl-C for what a script runs with `&`.
    """

    def __init__(self, second: Callable[[int, object], None] | None = None) -> None:
        self.came = False
        self._second = second
        self._heeded: list[signal.Signals] = []

    def install(self) -> None:
        self._heeded = [number for number in _THEN if signal.getsignal(number) is not signal.SIG_IGN]
        for number in self._heeded:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self.came = True
        for one in self._heeded:
            then = _THEN[one]
            signal.signal(one, self._second if self._second and then is signal.SIG_DFL else then)

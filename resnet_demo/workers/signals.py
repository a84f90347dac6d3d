"""Ctrl-C and SIGTERM, as a process that trains takes them."""

import signal


class PauseSignals:
    """The first one asks to pause: save, end, and leave a run that can be resumed. A second one ends at once."""

    def __init__(self) -> None:
        self.came = False

    def heed(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self.came = True
        for either in (signal.SIGINT, signal.SIGTERM):
            signal.signal(either, signal.SIG_DFL)

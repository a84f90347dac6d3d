"""How often open pages ask for what is new: every two seconds, and more rarely where many look. What a page asks is
paid for by the training beside it, and the answer to a button never waits for a poll."""

import math
import threading
import time

INTERVAL_S = 2.0
TOGETHER = 5  # pages that may ask at that pace; 20 took 12.6 % of a core
LONGEST_S = 20.0
LEFT_AFTER_S = 2 * LONGEST_S  # a page that has not asked for so long is gone


class Pace:
    """Safe to ask from many threads."""

    def __init__(self) -> None:
        self._asked: dict[str, float] = {}
        self._guard = threading.Lock()

    def of(self, page: str | None) -> float:
        """Seconds until this page should ask again; the same for all that look."""
        now = time.monotonic()
        with self._guard:
            self._asked[page or ""] = now
            self._asked = {one: asked for one, asked in self._asked.items() if now - asked < LEFT_AFTER_S}
            return min(LONGEST_S, INTERVAL_S * math.ceil(len(self._asked) / TOGETHER))

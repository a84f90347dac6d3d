"""How much of the CPU a training process leaves to the page beside it."""

import os
from contextlib import suppress
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")  # Linux, where its scheduler groups by sessions (man sched, "autogroup")


def give_session_own_niceness() -> None:
    """Where the CPU is shared between sessions first, a process's niceness counts only within its session. A worker has
    one of its own, as each process of torchrun has: then the session gets the process's niceness."""
    if AUTOGROUP.exists() and os.getsid(0) == os.getpid():
        with suppress(OSError):  # a kernel that refuses: it trains all the same, and the page is slower
            AUTOGROUP.write_text(str(os.nice(0)))

"""How a worker that died without an ending ended: its exit code in words, and what it left in worker.log. Imports no
torch."""

import re
import signal

from resnet_demo.language import t
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.events import Event, from_line

MAX_CHARACTERS = 160
TAIL_LINES = 200  # at most; `log_tail` reads a few kB, however long the log is
# How torchrun tells of a process that died. Where it knows nothing, it only says how it could be made to.
_TOLD_BY_TORCHRUN = re.compile(r"\s+(exitcode|traceback)\s*: (?!To enable traceback)")


def exit_words(code: int) -> str:
    """'with exit code 3'; of a signal its name, and what it most often means."""
    if code >= 0:
        return t("with exit code {code}", code=code)
    if -code not in set(signal.Signals):
        return t("by signal {number}", number=-code)
    name = signal.Signals(-code).name
    return t(OF_A_SIGNAL[name]) if name in OF_A_SIGNAL else t("by {signal}", signal=name)


OF_A_SIGNAL = {
    "SIGKILL": "by SIGKILL, as the system does where memory runs out",
    "SIGSEGV": "by SIGSEGV, a fault in a library",
    "SIGBUS": "by SIGBUS, a fault in a library, or a full /dev/shm",
    "SIGILL": "by SIGILL, a library built for another processor",
}


def exit_reason(run: RunDirectory, last: Event | None) -> str:
    """The last line of worker.log that tells something, '' where a worker died without a word.

    `last` is the newest event of the run. The worker says its events in the same log: words that are older than the
    last one are another death's, and in a log that does not know it this worker has not written at all.
    """
    words = ""
    for line in reversed(run.log_tail(TAIL_LINES).splitlines()):
        if line.startswith("{"):  # an event, or what a kill has left of one
            try:
                said = from_line(line)
            except ValueError:
                continue
            return words if said == last else ""
        if not words and _tells(line):
            words = "".join(
                character for character in line.strip().removeprefix("traceback : ") if character.isprintable()
            )
            words = words if len(words) <= MAX_CHARACTERS else f"{words[: MAX_CHARACTERS - 1]}…"
    return words


def _tells(line: str) -> bool:
    """Neither a ruler, nor source code under a warning or in a traceback, nor a warning: it is no reason to die."""
    return bool(_TOLD_BY_TORCHRUN.match(line)) or (line[:1].isalpha() and "Warning: " not in line)

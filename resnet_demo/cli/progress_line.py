"""How far it is, in one line of a terminal that is overwritten. tqdm formats it: it knows how wide a letter is, and
what a longer line has left to be wiped; all it sends are returns to the line's beginning and spaces, no escapes."""

import io
import os
import sys
from contextlib import suppress
from typing import TextIO

from resnet_demo.cli.terminal import PlainStream
from resnet_demo.data.dataset import LoadProgress
from resnet_demo.runs import events
from resnet_demo.runs.text import PHASES, amount, measured
from resnet_demo.runs.worker_files import Progress

WIDEST = 100  # columns; on a wider terminal an eye would lose the line
UNKNOWN_WIDTH = 80


class ProgressLine:
    """On a terminal a line at the bottom and lines that stay above it; elsewhere only those that stay.

    A context manager: the line is wiped at its end, also where an error ends it.
    """

    def __init__(self, wanted: bool = True) -> None:
        stream = sys.stderr.stream if isinstance(sys.stderr, PlainStream) else sys.stderr
        self._terminal = _Terminal(stream) if wanted and stream.isatty() else None
        self._measured = ""

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal:
            self._terminal.overwrite("")

    def show(self, step: LoadProgress | Progress | events.StepEnded | events.MetricsLogged) -> None:
        """Overwrite the line with this step. A point of the curves stands in it until the next one."""
        if not self._terminal:
            return
        if isinstance(step, events.MetricsLogged):
            self._measured = measured(step)
            return
        epoch = "" if isinstance(step, LoadProgress) or not step.epoch else f"epoch {step.epoch}  "
        training = step.phase == "training" and self._measured
        after = f"{amount(step)}  {self._measured if training else PHASES.get(step.phase, step.phase)}".strip()
        self._terminal.overwrite(
            self._terminal.format_meter(
                step.done,
                step.total or None,
                elapsed=0,  # tqdm's own times and rates are not shown
                ncols=self._terminal.columns(),
                ascii=".#",
                bar_format=f"{epoch}[{{bar}}] {after}" if step.total else f"{epoch}{after}{{bar}}",
            )
        )

    def write(self, text: str) -> None:
        """A line that stays."""
        if self._terminal:
            self._terminal.overwrite("")
        print(text, file=sys.stderr, flush=True)


class _Terminal(io.TextIOBase):
    """The terminal itself, past the stream that lets no return through: for what is printable by construction."""

    def __init__(self, stream: TextIO) -> None:
        from tqdm import tqdm  # 0.06 s, for a terminal alone

        self._stream, self.format_meter = stream, tqdm.format_meter
        self._print = tqdm.status_printer(self)

    def columns(self) -> int:
        """What a line may take: in the last column some terminals begin a new one."""
        with suppress(OSError, ValueError):
            return min(WIDEST, (os.get_terminal_size(self._stream.fileno()).columns or UNKNOWN_WIDTH) - 1)
        return UNKNOWN_WIDTH - 1

    def overwrite(self, line: str) -> None:
        self._print(line)
        if not line:
            self.write("\r")

    def write(self, text: str) -> int:
        with suppress(OSError):  # what cannot be shown is not shown
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

"""Reads a run's events.jsonl as it grows."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from resnet_demo.errors import UserError
from resnet_demo.files import open_regular
from resnet_demo.runs.events import Event, from_line

BLOCK_BYTES = 1 << 20  # what is held of a log at a time; a line that is longer is damage


class LogError(UserError):
    """An events.jsonl that cannot be read at all: a sentence for people."""


END_BYTES = 1 << 16  # at its beginning and its end


class EventLog:
    """Follows a growing events.jsonl: each `read()` returns what is new in whole lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def read(self) -> list[Event]:
        """New events since the last call. Lines that are damaged are passed over: the log is append-only, and
        what a kill has cut off was never said."""
        return list(_parse(self.lines()))

    def lines(self) -> Iterator[bytes]:
        """New whole lines since the last call, as they stand, block by block."""
        log = self._open()
        if log is None:
            return
        with log:
            log.seek(self.offset)
            rest = b""
            while block := log.read(BLOCK_BYTES):
                block = rest + block
                end = block.rfind(b"\n") + 1
                if not end and len(block) > BLOCK_BYTES:
                    end = len(block)
                self.offset += end
                rest = block[end:]
                yield from block[:end].splitlines()

    def _open(self) -> BinaryIO | None:
        """None where there is no log yet. Raises LogError where something that is no readable file bears its name."""
        try:
            return open_regular(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LogError(
                f"The log of the run '{self.path.parent.name}' cannot be read ({error.strerror})."
            ) from error

    def check(self) -> None:
        """Raises LogError as reading would, also where nothing is new."""
        if log := self._open():
            log.close()

    def ends(self) -> Iterator[bytes]:
        """The lines of its first and its last bytes, whatever has been read: they tell how the run stands."""
        log = self._open()
        if log is None:
            return
        with log:
            yield from log.read(END_BYTES).splitlines()[:-1]
            log.seek(max(log.tell(), log.seek(0, 2) - END_BYTES))
            last = log.read(END_BYTES)
            yield from last[: last.rfind(b"\n") + 1].splitlines()[1:]


def _parse(lines: Iterator[bytes]) -> Iterator[Event]:
    for line in lines:
        try:
            yield from_line(line.decode("utf-8", errors="replace"))
        except ValueError:
            continue

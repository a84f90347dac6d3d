"""Reads a run's events.jsonl as it grows."""

from collections.abc import Iterator
from pathlib import Path

from resnet_demo.runs.events import Event, from_line


class EventLog:
    """Follows a growing events.jsonl: each `read()` returns what is new in whole lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0

    def read(self) -> list[Event]:
        """New events since the last call. Lines that are damaged are passed over: the log is append-only, and
        what a kill has cut off was never said."""
        try:
            with self.path.open("rb") as log:
                log.seek(self.offset)
                new = log.read()
        except FileNotFoundError:
            return []
        whole = new[: new.rfind(b"\n") + 1]
        self.offset += len(whole)
        return list(_parse(whole))


def _parse(lines: bytes) -> Iterator[Event]:
    for line in lines.splitlines():
        try:
            yield from_line(line.decode("utf-8", errors="replace"))
        except ValueError:
            continue

"""Everything that is printed goes through here, so that three things hold for every text, also argparse's and a
library's: it cannot act on the terminal, no stream can refuse a character, and a terminal, pipe or disk that cannot
take it ends no run."""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from resnet_demo.errors import UserError
from resnet_demo.text import printable_lines


class OutputError(UserError):
    """stdout does not take what was asked for."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"The output could not be written ({error.strerror}).")
        self.reader_is_gone = error.errno == errno.EPIPE


class PlainStream(io.TextIOBase):
    """stdout or stderr as a program here sees it. It is no terminal to whoever asks, so that no library colours."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._is_lost = False

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed calls it writable, which no stream's is
        return self.stream.encoding

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not self._is_lost:
            with self._failing():
                self.stream.write(printable_lines(text))
        return len(text)

    def flush(self) -> None:
        if not self._is_lost:
            with self._failing():
                self.stream.flush()

    def give_up(self) -> None:
        """From now on what is printed here is dropped."""
        self._is_lost = True

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Of stdout, which holds what was asked for: who asked is told."""
        try:
            yield
        except OSError as error:
            raise OutputError(error) from error


class MessageStream(PlainStream):
    """stderr: what cannot be shown is not shown."""

    @contextmanager
    def _failing(self) -> Iterator[None]:
        with suppress(OSError):
            yield


@contextmanager
def plain_streams(stdout: type[PlainStream] = PlainStream) -> Iterator[None]:
    """Within it `sys.stdout` and `sys.stderr` are such streams; `stdout` may be a MessageStream, too."""
    _open_closed_streams()
    before = sys.stdout, sys.stderr
    for stream in before:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = stdout(sys.stdout), MessageStream(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in before:
            _drain(stream)


def give_up_stdout() -> None:
    """From now on what is printed is dropped."""
    if isinstance(sys.stdout, PlainStream):
        sys.stdout.give_up()


def _open_closed_streams() -> None:
    """Where one was closed (`2>&-`), the next file to be opened would take its number, and messages go into it."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115


def _drain(stream: TextIO) -> None:
    """Python flushes once more as it ends, complains, and changes the exit status: let that go where all is taken."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)

"""Many picture files -> one array. Imports no torch, so that a decoding process starts in a fifth of a second.

Processes, because a small JPEG is mostly Pillow's Python: 60,000 of 32x32 on 2 cores take 3.5 s in two
processes, 6 s in one thread, and 13 s in two threads, which wait for each other's interpreter lock.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from resnet_demo.data.dataset import DataError, LoadProgress
from resnet_demo.data.framing import SIZE, fit
from resnet_demo.data.images import PictureError, load_picture

CHUNK = 16  # files a message between processes
AHEAD = 2  # chunks that a process holds, so that it need not wait for the next one
TICK_S = 0.5
MOST_PROCESSES = 8

Decoding = Generator[LoadProgress, None, tuple[np.ndarray, list[int]]]
Decoded = tuple[int, np.ndarray, list[int]]  # where, uint8 (n, 3, 32, 32), and which of the n could not be read


def decode(paths: list[str], in_processes: bool) -> Decoding:
    """Decode all files: uint8 (N, 3, 32, 32), and the places in `paths` that could not be read (black there).

    Yields LoadProgress about twice a second. Raises DataError where a process was killed.
    """
    images = np.zeros((len(paths), 3, SIZE, SIZE), dtype=np.uint8)
    unreadable: list[int] = []
    done, told = 0, time.monotonic()
    yield LoadProgress("decoding", done, len(paths))
    with closing(_by_processes(paths) if in_processes else _by_this_one(paths)) as decoded:
        for some in decoded:
            if some is not None:
                start, pictures, failed = some
                images[start : start + len(pictures)] = pictures
                unreadable += [start + place for place in failed]
                done += len(pictures)
            if time.monotonic() - told >= TICK_S:
                told = time.monotonic()
                yield LoadProgress("decoding", done, len(paths))
    yield LoadProgress("decoding", done, len(paths))
    return images, sorted(unreadable)


def _by_this_one(paths: list[str]) -> Iterator[Decoded]:
    for start, path in enumerate(paths):
        yield start, *decode_chunk([path])


def _by_processes(paths: list[str]) -> Iterator[Decoded | None]:
    """What the processes have decoded as it comes, and None where nothing came for a while.

    Each has a pipe of its own. In concurrent.futures' pool all share one, and a process that is killed in mid-message
    leaves whoever reads it waiting for ever; here its pipe ends, and that is noticed.
    """
    chunks = [(start, paths[start : start + CHUNK]) for start in range(0, len(paths), CHUNK)]
    waiting, left = iter(chunks), len(chunks)
    processes: dict[Connection, multiprocessing.Process] = {}
    try:
        for _ in range(min(os.cpu_count() or 1, MOST_PROCESSES, len(chunks))):
            connection = _start(processes)
            for chunk in islice(waiting, AHEAD):
                connection.send(chunk)
        while left:
            ready = multiprocessing.connection.wait(processes, timeout=TICK_S)
            if not ready:
                yield None
            for connection in ready:
                decoded = connection.recv()
                for chunk in islice(waiting, 1):
                    connection.send(chunk)
                left -= 1
                yield decoded
    except (EOFError, OSError) as error:
        raise DataError(
            "A process that was decoding pictures was ended from outside, perhaps for want of memory. "
            "Close other programs and start again."
        ) from error
    finally:
        for connection, process in processes.items():
            process.kill()
            process.join()
            connection.close()


def _start(processes: dict[Connection, multiprocessing.Process]) -> Connection:
    """Start one more; what it decodes comes out of the connection."""
    # Not forked: a fork copies torch's threads' locks, but not the threads that would release them.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()  # so that the pipe ends with the process
    processes[ours] = process
    return ours


def _serve(connection: Connection) -> None:
    """A process's work, until the parent is done with it or has gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to all at once: the parent alone answers
        signal.signal(number, signal.SIG_IGN)
    while True:
        try:
            start, paths = connection.recv()
            connection.send((start, *decode_chunk(paths)))
        except (EOFError, OSError):
            return


def decode_chunk(paths: list[str]) -> tuple[np.ndarray, list[int]]:
    """uint8 (n, 3, 32, 32), and which of the files could not be read."""
    images = np.zeros((len(paths), 3, SIZE, SIZE), dtype=np.uint8)
    unreadable = []
    for place, path in enumerate(paths):
        try:
            images[place] = np.asarray(fit(load_picture(Path(path)), SIZE)).transpose(2, 0, 1)
        except PictureError:
            unreadable.append(place)
    return images, unreadable

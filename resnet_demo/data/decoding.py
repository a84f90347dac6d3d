"""Many picture files -> one array. Imports no torch, so that a decoding process starts in a fifth of a second.

Processes, because a small JPEG is mostly Pillow's Python: 60,000 of 32x32 on 2 cores take 3.5 s in two
processes, 6 s in one thread, and 13 s in two threads, which wait for each other's interpreter lock.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from queue import Empty, SimpleQueue

import numpy as np

from resnet_demo.data.dataset import DataError, LoadProgress
from resnet_demo.data.images import PictureError, fit, load_picture

SIZE = 32
CHUNK = 16  # files a task: large photos then still report, and end, within seconds
TICK_S = 0.5
MOST_PROCESSES = 8

Decoding = Generator[LoadProgress, None, tuple[np.ndarray, list[int]]]


def decode(paths: list[str], in_processes: bool) -> Decoding:
    """Decode all files: uint8 (N, 3, 32, 32), and the places in `paths` that could not be read (black there).

    Yields LoadProgress about twice a second. Raises DataError where a process was killed.
    """
    images = np.zeros((len(paths), 3, SIZE, SIZE), dtype=np.uint8)
    unreadable: list[int] = []
    done = 0
    executor = _processes() if in_processes else ThreadPoolExecutor(1)
    # Not concurrent.futures.wait: it locks every future in turn, and a Ctrl-C in its midst leaves some locked, so
    # that the executor never ends. A SimpleQueue may be interrupted at any time.
    finished: SimpleQueue[Future] = SimpleQueue()
    try:
        starts = _submit(executor, paths, finished)
        while starts:
            yield LoadProgress("decoding", done, len(paths))
            for future in _taken_within(TICK_S, finished, len(starts)):
                start = starts.pop(future)
                pictures, failed = future.result()
                images[start : start + len(pictures)] = pictures
                unreadable += [start + place for place in failed]
                done += len(pictures)
    except BrokenProcessPool as error:
        raise DataError(
            "A process that was decoding pictures was ended from outside, perhaps for want of memory. "
            "Close other programs and start again."
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)
    yield LoadProgress("decoding", done, len(paths))
    return images, sorted(unreadable)


def _submit(executor: Executor, paths: list[str], finished: SimpleQueue[Future]) -> dict[Future, int]:
    """Each chunk's future and where its first picture stands; each goes into `finished` when it is done."""
    starts = {}
    for start in range(0, len(paths), CHUNK):
        future = executor.submit(decode_chunk, paths[start : start + CHUNK])
        future.add_done_callback(finished.put)
        starts[future] = start
    return starts


def _taken_within(seconds: float, finished: SimpleQueue[Future], most: int) -> Iterator[Future]:
    deadline = time.monotonic() + seconds
    for _ in range(most):
        try:
            yield finished.get(timeout=max(0, deadline - time.monotonic()))
        except Empty:
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


def _processes() -> Executor:
    # Not forked: a fork copies torch's threads' locks, but not the threads that would release them.
    context = multiprocessing.get_context("spawn")
    count = min(os.cpu_count() or 1, MOST_PROCESSES)
    return ProcessPoolExecutor(count, mp_context=context, initializer=_start_process)


def _start_process() -> None:
    """The parent alone answers Ctrl-C, and a killed parent leaves no process behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)

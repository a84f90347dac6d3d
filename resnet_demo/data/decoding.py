"""Many image files -> one array, by a pool of decoding processes.

Processes, because a small JPEG is mostly Pillow's Python: 60,000 of 32x32 on 2 cores take 3.5 s in two
processes, 6 s in one thread, and 13 s in two threads, which wait for each other's interpreter lock.
"""

import multiprocessing.connection
import os
import time
from collections import deque
from collections.abc import Generator, Iterable
from contextlib import closing
from itertools import chain
from typing import Any, cast

import numpy as np

from resnet_demo.data.dataset import DataError, LoadProgress
from resnet_demo.data.decoder import REFUSED, Answer, Decoder, DecoderDied
from resnet_demo.data.framing import SIZE

CHUNK = 16  # files a question
AHEAD = 2  # questions that a process holds, so that it need not wait for the next one
TICK_S = 0.5
MOST_PROCESSES = 8
MOST_KILLS = 8  # by others than the process itself, until the load is given up

Decoding = Generator[LoadProgress, None, tuple[np.ndarray, list[int]]]
Chunk = range  # places in the list of paths


def decode(paths: list[str], in_processes: bool) -> Decoding:
    """Decode all files: uint8 (N, 3, 32, 32), and the places in `paths` that could not be read (black there).

    One process, or with `in_processes` one a core. Yields LoadProgress about twice a second. Raises DataError where
    processes cannot be started, or are killed from outside again and again.
    """
    images = np.zeros((len(paths), 3, SIZE, SIZE), dtype=np.uint8)
    unreadable: list[int] = []
    done, told = 0, time.monotonic()
    yield LoadProgress("decoding", done, len(paths))
    with closing(Pool(paths, _processes(len(paths)) if in_processes else 1).work()) as decoded:
        for some in decoded:
            if some is not None:
                chunk, answer = some
                images[chunk.start : chunk.stop] = answer.images
                unreadable += [place for place, became in zip(chunk, answer.outcomes, strict=True) if became == REFUSED]
                done += len(chunk)
            if time.monotonic() - told >= TICK_S:
                told = time.monotonic()
                yield LoadProgress("decoding", done, len(paths))
    yield LoadProgress("decoding", done, len(paths))
    return images, sorted(unreadable)


def _processes(files: int) -> int:
    return min(os.cpu_count() or 1, MOST_PROCESSES, -(-files // CHUNK))


class Pool:
    """Decoding processes that share the files. One that dies at a file costs that file alone: what it held is asked
    again, the files of the question at which it died one by one, each until it is answered or ends a process itself."""

    def __init__(self, paths: list[str], processes: int) -> None:
        self.paths, self.processes = paths, processes
        self._waiting: deque[Chunk] = deque(
            range(start, min(start + CHUNK, len(paths))) for start in range(0, len(paths), CHUNK)
        )
        self._held: dict[Decoder, deque[Chunk]] = {}
        self._kills = 0

    def work(self) -> Generator[tuple[Chunk, Answer] | None, None, None]:
        """What has been decoded as it comes, and None where nothing came for a while. Raises DataError."""
        try:
            self._start()
            while self._held:
                ready = multiprocessing.connection.wait(list[Any](self._held), timeout=TICK_S)
                if not ready:
                    yield None
                for answering in ready:
                    if (decoded := self._receive(cast(Decoder, answering))) is not None:
                        yield decoded
        finally:
            for decoder in self._held:
                decoder.close()

    def _start(self) -> None:
        """Bring the number of processes up to what the waiting files take."""
        try:
            while self._waiting and len(self._held) < self.processes:
                decoder = Decoder()
                self._held[decoder] = deque()
                for _ in range(AHEAD):
                    self._give(decoder)
        except OSError as error:
            raise DataError(f"A process that decodes images could not be started ({error.strerror}).") from error

    def _give(self, decoder: Decoder) -> None:
        if self._waiting:
            chunk = self._waiting.popleft()
            self._held[decoder].append(chunk)
            decoder.ask(self.paths[chunk.start : chunk.stop])

    def _receive(self, decoder: Decoder) -> tuple[Chunk, Answer] | None:
        try:
            answer = decoder.receive()
        except DecoderDied as died:
            return self._bury(decoder, died)
        if answer is None:  # it has come up
            return None
        chunk = self._held[decoder].popleft()
        if decoder.is_open:
            self._give(decoder)
        if not decoder.is_open or not self._held[decoder]:
            self._put_back(self._held.pop(decoder))
            decoder.close()
        return chunk, answer

    def _bury(self, decoder: Decoder, died: DecoderDied) -> tuple[Chunk, Answer] | None:
        """Let others be asked about what it held. The answer where it died at a single file, which is unreadable."""
        self._kills += died.was_killed
        if self._kills > MOST_KILLS or not (died.was_ready or died.was_killed):
            raise DataError(died.sentence()) from died
        held = self._held.pop(decoder)
        if died.was_killed:  # by no fault of the file's
            self._put_back(held)
            return None
        chunk = held.popleft()
        alone = len(chunk) == 1
        self._put_back([] if alone else [range(place, place + 1) for place in chunk], held)
        return (chunk, Answer.refused(died.sentence())) if alone else None

    def _put_back(self, *chunks: Iterable[Chunk]) -> None:
        self._waiting.extendleft(reversed([*chain(*chunks)]))
        self._start()

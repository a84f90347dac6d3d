"""What a decoding process does: `python -m resnet_demo.data.decoder_process FD`. Started by `decoder`."""

import math
import os
import resource
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from resnet_demo.data import decoder
from resnet_demo.data.decoder import PIXELS, READ, REFUSED, TRIMMED, Answer
from resnet_demo.data.framing import fit, trim
from resnet_demo.data.images import ImageError, OutOfMemory, load_image
from resnet_demo.language import in_language

SLACK_BYTES = 2**27  # what may stay taken after a file: the next must not find less than it needs
WATCH_EVERY_S = 0.02
RESIDENT_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, as the system counts them
OUT_OF_MEMORY = 3  # the exit code where memory is watched


def serve(connection: Connection) -> None:
    """Answer until the program that asks is done or gone, or this process is used up."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to all at once: the program that asks alone answers
        signal.signal(number, signal.SIG_IGN)
    before = _limit()
    try:
        connection.send_bytes(decoder.READY)
        _be_silent()
        used_up = False
        while not used_up:
            question = connection.recv_bytes()
            language, *paths = (os.fsdecode(part) for part in question[1:].split(b"\0"))
            with in_language(language):  # of whoever asks
                answer, used_up = _decode(paths, bool(question[0]))
            used_up = used_up or _address_space() > before + SLACK_BYTES
            connection.send_bytes(answer.pack(decoder.ENDS if used_up else decoder.GOES_ON))
    except (EOFError, OSError):  # nobody asks any more
        return


def _decode(paths: list[str], trimming: bool) -> tuple[Answer, bool]:
    """The answer, and whether memory ran out."""
    images = np.zeros((len(paths), *PIXELS), dtype=np.uint8)
    outcomes, sentences, used_up = bytearray([REFUSED]) * len(paths), [], False
    for place, path in enumerate(paths):
        _start_clock()
        try:
            whole = load_image(Path(path))
            shown = trim(whole) if trimming else whole
            images[place] = np.asarray(fit(shown)).transpose(2, 0, 1)
            outcomes[place] = READ if shown is whole else TRIMMED
        except ImageError as error:
            sentences.append(str(error))
            used_up = used_up or isinstance(error, OutOfMemory)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return Answer(images, bytes(outcomes), sentences), used_up


# --- limits ---------------------------------------------------------------------------------------------------


def _limit() -> int:
    """Limit memory; returns the address space taken by now, in bytes."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    before = _address_space()
    if sys.platform == "linux":
        _lower(resource.RLIMIT_AS, before + decoder.MEMORY_BYTES)
    else:
        threading.Thread(target=_watch_memory, args=(_resident() + decoder.MEMORY_BYTES,), daemon=True).start()
    return before


def _start_clock() -> None:
    """End this process where the file that comes takes too long: by signals that nobody handles."""
    _lower(resource.RLIMIT_CPU, math.ceil(time.process_time()) + decoder.CPU_S)
    signal.setitimer(signal.ITIMER_REAL, decoder.WALL_S)


def _lower(limit: int, most: int) -> None:
    """Below the one that was inherited, where there was one."""
    hard = resource.getrlimit(limit)[1]
    resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _address_space() -> int:
    """In bytes; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _resident() -> int:
    """At most so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RESIDENT_UNIT


def _watch_memory(most: int) -> None:
    while _resident() < most:
        time.sleep(WATCH_EVERY_S)
    os._exit(OUT_OF_MEMORY)


def _be_silent() -> None:
    """libtiff writes about damaged files to stderr, which is the app's terminal."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))

"""One decoding process: whatever an image file makes of it, the program that asked goes on.

Uploads, pinned images, images on the command line and image folders are all decoded here. The process holds no torch,
is given nothing but paths, and answers with bytes of a known length. It runs under limits of memory and time that the
kernel keeps: where a file meets one, the process ends, and whoever asks next starts another.

macOS keeps no limit of address space: there a thread of the process watches its resident memory instead.
"""

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from PIL import Image

from resnet_demo.data.framing import SIZE
from resnet_demo.data.headers import ImageError
from resnet_demo.language import current_language, t

MEMORY_BYTES = 2**30  # above what the process has before its first file
CPU_S = 6  # of its own time, for one file
WALL_S = 10.0  # of everyone's time, for one file
GRACE_S = 5.0  # after which a process that did not end itself is ended
ENDING_S = 2.0  # that Python may take to end
PROJECT = Path(__file__).parents[2]

READY = b"ready"
GOES_ON, ENDS = 0, 1  # the first byte of an answer
READ, TRIMMED, REFUSED = range(3)  # what became of a file
PIXELS = (3, SIZE, SIZE)
MAX_ANSWER_BYTES = 2**20


class DecoderDied(Exception):
    """A decoding process ended before it answered. `code` is its exit code, negative for the number of a signal."""

    def __init__(self, code: int, was_ready: bool) -> None:
        super().__init__(f"a decoding process ended with {code}")
        self.code, self.was_ready = code, was_ready

    @property
    def was_killed(self) -> bool:
        """Whether someone else ended it: the kernel for want of memory, or a person. Its limits end it otherwise."""
        return self.code == -signal.SIGKILL

    def sentence(self) -> str:
        if not self.was_ready:
            return "The process that decodes images could not be started. Close other programs and try again."
        if self.was_killed:
            return (
                "The process that was decoding the image was ended from outside, perhaps for want of memory. "
                "Close other programs and try again."
            )
        if self.code in (-signal.SIGALRM, -signal.SIGXCPU):
            return t(
                "The image takes too long to decode: more than {computing} seconds of computing or {whole} in all. "
                "Make it smaller, save it again, and try that.",
                computing=CPU_S,
                whole=f"{WALL_S:.0f}",
            )
        return "The image could not be decoded, because it makes the decoder fail. Save it again and try that."


@dataclass(frozen=True, eq=False)
class Answer:
    """What became of some files, in their order."""

    images: np.ndarray  # uint8 (n, 3, SIZE, SIZE), black where a file was refused
    outcomes: bytes  # n of READ, TRIMMED, REFUSED
    sentences: list[str]  # why, for each that was refused

    @classmethod
    def refused(cls, sentence: str) -> "Answer":
        """About one file."""
        return cls(np.zeros((1, *PIXELS), np.uint8), bytes([REFUSED]), [sentence])

    def pack(self, first: int) -> bytes:
        return bytes([first]) + self.outcomes + self.images.tobytes() + "\0".join(self.sentences).encode()

    @classmethod
    def unpack(cls, packed: bytes, count: int) -> "Answer":
        """Raises ValueError where that is no answer about so many files."""
        pixels, said = 1 + count, 1 + count + count * SIZE * SIZE * 3
        images = np.frombuffer(packed[pixels:said], np.uint8).reshape(count, *PIXELS)
        return cls(images, packed[1:pixels], packed[said:].decode().split("\0"))


class Decoder:
    """A decoding process. Ask about some files, also ahead; the answers come in that order. Raises OSError where it
    cannot be started."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "resnet_demo.data.decoder_process", str(theirs.fileno())],
                cwd=PROJECT,
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # each thread would reserve address space
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is for the program that asks
            )
        self._connection = Connection(ours.detach())
        self._is_ready = False
        self.asked: deque[Sequence[str]] = deque()  # and not answered yet

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_open(self) -> bool:
        """Whether it takes questions."""
        return not self._connection.closed and self._process.poll() is None

    def fileno(self) -> int:
        """For multiprocessing.connection.wait: readable where `receive` will not wait."""
        return self._connection.fileno()

    def ask(self, paths: Sequence[str], trim: bool = False) -> None:
        """A process that has died is noticed by `receive`."""
        self.asked.append(paths)
        names = b"\0".join(os.fsencode(Path(path).absolute()) for path in paths)
        with suppress(OSError):
            self._connection.send_bytes(bytes([trim]) + current_language().encode() + b"\0" + names)

    def receive(self) -> Answer | None:
        """The answer to the oldest question, None where the process only says that it is ready. Raises DecoderDied,
        also where it has answered all that it will."""
        try:
            message = self._connection.recv_bytes(MAX_ANSWER_BYTES)
            if message == READY:
                self._is_ready = True
                return None
            answer = Answer.unpack(message, len(self.asked[0]))
        except (EOFError, OSError, ValueError, LookupError) as error:
            raise self._died() from error
        self.asked.popleft()
        if message[0] == ENDS:
            self.close()
        return answer

    def wait(self, seconds: float) -> Answer:
        """The answer to the oldest question. Raises DecoderDied, also where the time is over."""
        deadline = time.monotonic() + seconds
        while self._connection.poll(max(0.0, deadline - time.monotonic())):
            if (answer := self.receive()) is not None:
                return answer
        self.close()
        raise DecoderDied(-signal.SIGALRM, self._is_ready)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._connection.close()

    def _died(self) -> DecoderDied:
        """How it ended, where it has closed its side or said what is no answer."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(ENDING_S)
        self.close()
        return DecoderDied(self._process.returncode, self._is_ready)


@dataclass(frozen=True)
class DecodedImage:
    """RGB of SIZE x SIZE, and whether a wide uniform border was trimmed for it."""

    image: Image.Image
    trimmed: bool


class OneDecoder:
    """Decodes single files for many threads, one at a time. The process starts with the first and is kept."""

    def __init__(self) -> None:
        self._decoder: Decoder | None = None
        self._guard = threading.Lock()

    def load(self, path: Path, trim: bool = False) -> DecodedImage:
        """The file as images are classified, with `trim` without a wide uniform border. Raises ImageError."""
        with self._guard:
            try:
                if self._decoder is None or not self._decoder.is_open:
                    self._decoder = Decoder()
                self._decoder.ask([str(path)], trim)
                answer = self._decoder.wait(WALL_S + GRACE_S)
            except DecoderDied as error:
                self._decoder = None
                raise ImageError(error.sentence()) from error
            except OSError as error:
                raise ImageError(DecoderDied(0, was_ready=False).sentence()) from error
        if answer.outcomes[0] == REFUSED:
            raise ImageError(answer.sentences[0])
        image = Image.fromarray(np.ascontiguousarray(answer.images[0].transpose(1, 2, 0)))
        return DecodedImage(image, answer.outcomes[0] == TRIMMED)

    def close(self) -> None:
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None

    def forget(self) -> None:
        """In a forked process: the decoder is the parent's, and a thread that is not here may hold the lock."""
        self._decoder, self._guard = None, threading.Lock()


_kept = OneDecoder()
load_image = _kept.load
atexit.register(_kept.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_kept.forget)  # a slice of ZeroGPU is forked from the page

"""How fast this machine multiplies matrices, as a measurement of a second tells; remembered in a file once it has been
measured while nothing else was busy."""

import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from resnet_demo.files import read_json, replace_json
from resnet_demo.training.threads import thread_computing_with

IDLE_SHARE = 0.9  # of the processors' time that the measurement gets where nothing else is busy
MEASURED_S, AGAIN_S = 1.0, 60.0  # a busy machine is measured again after so long
_guard = threading.Lock()
_busy: dict[str, tuple[float, "MatmulRate"]] = {}


@dataclass(frozen=True)
class MatmulRate:
    """Floating-point operations a second: as measured, and as they would be were all processors free. Equal where the
    machine was idle."""

    now: float
    idle: float


def matmul_rate(device: str, precision: torch.dtype, threads: int, data_dir: Path) -> MatmulRate:
    """Of so many threads of the CPU, whose name `device` is; remembered in `data_dir`."""
    # Earlier versions measured with all threads that the process had, and had no such count in the key.
    path, key = data_dir / "machine-speed.json", f"{device}, torch {torch.__version__}, measured by {threads}"
    with _guard:
        known = (read_json(path) or {}).get(key)
        if type(known) is float and known > 0:
            return MatmulRate(known, known)
        measured_at, rate = _busy.get(key, (float("-inf"), None))
        if rate is None or time.monotonic() - measured_at > AGAIN_S:
            rate = measure(precision, threads)
            _busy[key] = time.monotonic(), rate
            if rate.now == rate.idle:
                with suppress(OSError):  # measured again at the next start
                    data_dir.mkdir(parents=True, exist_ok=True)
                    replace_json(path, {**(read_json(path) or {}), key: rate.now})
        return rate


def measure(precision: torch.dtype, threads: int) -> MatmulRate:
    """With a large matrix product by so many threads, for about a second. Threads that are used for the first time
    meanwhile compute with as many as ever."""
    with thread_computing_with(threads, "machine speed") as alone:
        return alone.submit(_measure, precision, threads).result()


def _measure(precision: torch.dtype, threads: int) -> MatmulRate:
    side = 1024
    a, b = (torch.randn(side, side, dtype=precision) for _ in range(2))
    a @ b  # the first product chooses kernels and allocates
    done, began, cpu_s = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < MEASURED_S:
        a @ b
        done += 1
    seconds, cpu_s = time.perf_counter() - began, time.process_time() - cpu_s
    share = min(1.0, cpu_s / (seconds * min(threads, _usable_processors())))
    now = done * 2 * side**3 / seconds
    return MatmulRate(now, now if share >= IDLE_SHARE else now / max(share, 0.05))


def _usable_processors() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: a container or a batch system may give fewer than there are
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""Runs a part in a process of its own, and ends it with all that it has started when its time is over."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from benchmarks.gpu.part import command
from benchmarks.gpu.setting import Setting, project_root, python_environment

GRACE_S = 3.0  # between the request to end and the end
POLL_S = 0.2


def run_part(setting: Setting, poll: Callable[[], None] = lambda: None) -> str:
    """How the part ended: "" where it went well, else a sentence. What it prints goes to `work`/PART.log."""
    # Sums of a matrix product in one order, where deterministic kernels are asked for: read when CUDA starts.
    environment = {"CUBLAS_WORKSPACE_CONFIG": ":4096:8", **python_environment(setting.work)}
    with (setting.work / f"{setting.part}.log").open("ab") as log:
        process = subprocess.Popen(
            command(setting),
            cwd=project_root(),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                if setting.remaining_s <= 0:
                    return "Ended at its time limit; what it had found by then stands above."
                poll()
                time.sleep(POLL_S)
        finally:
            end(process)
    if process.returncode:
        return f"Failed: its process ended with {process.returncode}; the log says why."
    return ""


def end(process: subprocess.Popen) -> None:
    """End the process and what it has started, also in sessions of their own; asked first, then killed."""
    started: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        started = psutil.Process(process.pid).children(recursive=True)
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):  # also what outlives a part that has ended by itself
            os.killpg(process.pid, signal_number)
        for child in started:
            with suppress(psutil.NoSuchProcess):
                child.send_signal(signal_number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
        if not psutil.wait_procs(started, timeout=GRACE_S)[1]:
            break
    process.wait()

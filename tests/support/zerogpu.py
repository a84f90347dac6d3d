"""A stand-in for the package `spaces` (0.51) on ZeroGPU, as far as its source shows: a fork for each call, arguments
and what is yielded go through pickle, the task runs in a thread there, in the caller's context, it is killed at the end
of its duration, it is closed when whoever listens leaves, and what is refused is refused in the package's own words.
Without a GPU: the fork computes on the CPU."""

import contextvars
import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import wraps

import gradio as gr
import torch

_fork = multiprocessing.get_context("fork")
LONG = 240.0


class ZeroGpu:
    """`left_s` is the visitor's quota; each call is charged what it asked for. A duration is multiplied by `factor`."""

    def __init__(self, left_s: float, factor: float = 1.5, wait: timedelta = timedelta(hours=3)) -> None:
        self.left_s, self.factor, self.wait = left_s, factor, wait
        self.asked: list[float] = []  # seconds, of each call that was admitted
        self.pids: list[int] = []

    def GPU(self, duration: Callable[..., float]):
        def decorate(task):
            @wraps(task)
            def call(*args):
                seconds = duration(*args)
                self._admit(seconds)
                yield from self._lend(task, pickle.dumps(args), seconds)

            return call

        return decorate

    def _admit(self, seconds: float) -> None:
        requested = round(seconds * self.factor)
        if requested > self.left_s:
            message = (
                f"You have exceeded your free ZeroGPU quota ({requested}s requested vs. {int(self.left_s)}s left). "
                f"Try again in {self.wait}. "
            )
            raise gr.Error(message, title="ZeroGPU quota exceeded", print_exception=False)
        self.left_s -= requested
        self.asked.append(seconds)

    def _lend(self, task, args: bytes, seconds: float):
        ours, theirs = _fork.Pipe()
        stop = _fork.Event()
        process = _fork.Process(target=_work, args=(task, args, theirs, stop), daemon=True)
        process.start()
        self.pids.append(process.pid)
        theirs.close()
        killer = threading.Timer(seconds, process.kill)
        killer.start()
        try:
            while True:
                try:
                    kind, value = pickle.loads(ours.recv_bytes())
                except EOFError:
                    raise gr.Error("GPU task aborted", title="ZeroGPU worker error", print_exception=False) from None
                if kind == "end":
                    return
                if kind == "error":
                    raise gr.Error(value, title="ZeroGPU worker error", print_exception=False)
                yield value
        except GeneratorExit:
            stop.set()
            raise
        finally:
            process.join(LONG)  # the package does not wait; a test does
            killer.cancel()


def _work(task, args: bytes, pipe, stop) -> None:
    """In the fork."""
    torch.cuda.is_available = lambda: False

    def iterate():
        generator = task(*pickle.loads(args))
        try:
            for value in generator:
                if stop.is_set():
                    generator.close()
                    return
                pipe.send_bytes(pickle.dumps(("value", value)))
            pipe.send_bytes(pickle.dumps(("end", None)))
        except BrokenPipeError:
            generator.close()
        except Exception as error:  # noqa: BLE001 - as the package does: its class alone is told
            pipe.send_bytes(pickle.dumps(("error", type(error).__name__)))

    thread = threading.Thread(target=contextvars.copy_context().run, args=(iterate,))
    thread.start()
    thread.join()
    os._exit(0)

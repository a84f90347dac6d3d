"""Start, Resume and the tour of the Train tab where a GPU is lent for seconds at a time (ZeroGPU). Each is one long
call that goes from slice to slice; it ends with the run, with the visitor's quota, or with the page that made it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import gradio as gr

from resnet_demo.data.examples import tour_digit
from resnet_demo.language import t
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.deletion import discard_unborn
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.pinned import pin
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.tabs.form import TrainForm
from resnet_demo.ui.visitors import Visitors
from resnet_demo.ui.wiring import begun_run, import_torch
from resnet_demo.ui.zerogpu import QuotaEnded, dataset_of, forget_quota, quota_sentence, train_in_slices
from resnet_demo.workers.launcher import LaunchError, shown_as_starting

AT_ONCE = 8  # visitors who train; each takes one of Gradio's 40 threads, the next ones wait in its queue
ZEROGPU_EVENT: dict[str, Any] = {"concurrency_limit": AT_ONCE, "concurrency_id": "zerogpu"}


class ZeroGpuTraining:
    """The handlers; each checks by itself who asks."""

    def __init__(self, backend: Backend, visitors: Visitors, form: TrainForm) -> None:
        self.backend, self.form, self._train_slice = backend, form, visitors.train_slice
        self._beginning = threading.Lock()

    def start(self, request: gr.Request, *values) -> Iterator[Any]:
        backend = self._backend(request)
        yield from self._train(backend, lambda: backend.store.create(self.form.config(values)))

    def resume(self, run_id: str, moved: str, request: gr.Request) -> Iterator[Any]:
        backend = self._backend(request)
        yield from self._train(backend, lambda: _to_go_on(backend, run_id))

    def tour(self, request: gr.Request) -> Iterator[Any]:
        """See `Tour.start`."""
        backend, config = self._backend(request), preset_config("tour")

        def make() -> RunDirectory:
            import_torch()
            digit = tour_digit()
            run = backend.store.create(config)
            pin(run, digit)
            return run

        yield from self._train(backend, make, *self.form.show(config))

    def _backend(self, request: gr.Request) -> Backend:
        backend = self.backend.of(request)
        backend.access.require_owner(request)
        return backend

    def _train(self, backend: Backend, choose: Callable[[], RunDirectory], *filled: Any) -> Iterator[list]:
        """Brings the run to the front and `filled` into the form once it has begun; then nothing new comes for as long
        as it trains."""
        with ExitStack() as held:
            run = backend.act(lambda: self._begin(backend, choose, held))
            first = [*begun_run(), *filled]
            yield first
            backend.act(lambda: self._prepare(backend, run))
            for told in train_in_slices(self._train_slice, run, backend.data_dir):
                if isinstance(told, QuotaEnded):
                    told.keep(backend.store)  # before the run is seen paused, and its page asks why
                    gr.Warning(quota_sentence(backend.store), title=t("Paused"))
                yield [gr.skip()] * len(first)

    def _begin(self, backend: Backend, choose: Callable[[], RunDirectory], held: ExitStack) -> RunDirectory:
        """Raises UserError. Until `held` is left, whoever looks sees that the run is not at rest."""
        with self._beginning:
            if backend.watcher.snapshot(now=True).training:
                raise LaunchError(t("A run is training already. Pause it or let it finish first."))
            run = choose()
            held.enter_context(shown_as_starting(run))
        run.forget_request()
        forget_quota(backend.store)
        return run

    @staticmethod
    def _prepare(backend: Backend, run: RunDirectory) -> None:
        """Raises UserError where its data cannot be had; then a run that has not begun is no run."""
        try:
            dataset_of(run, backend.data_dir)
        except Exception:
            discard_unborn(backend.store, run)
            raise


def _to_go_on(backend: Backend, run_id: str) -> RunDirectory:
    """Raises UserError."""
    run = backend.store.get_own(run_id)
    if not run.can_resume(run.view()):
        raise LaunchError(t("The run '{run}' has ended, so there is nothing to resume.", run=run.id))
    return run

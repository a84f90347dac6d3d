"""What the page stands on."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from resnet_demo.data.known import KNOWN
from resnet_demo.inference.evaluation_jobs import EvaluationJobs
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Watcher
from resnet_demo.ui.access import Access
from resnet_demo.ui.wiring import Done, act, import_torch
from resnet_demo.workers.launcher import Launcher

if TYPE_CHECKING:  # brings torch
    from resnet_demo.inference.predictor import Predictor
    from resnet_demo.ui.visitors import Visitors


class PredictorOnDemand:
    """One predictor for all tabs, so that weights are in memory once. Torch is imported by the first who asks."""

    def __init__(self, store: RunStore, shared: "PredictorOnDemand | None" = None) -> None:
        """`shared` is another whose memory it uses, too."""
        self._store, self._shared = store, shared
        self._guard = threading.Lock()
        self._made: Predictor | None = None

    def get(self) -> "Predictor":
        with self._guard:
            if self._made is None:
                import_torch()
                from resnet_demo.inference.predictor import Predictor

                self._made = Predictor(self._store, self._shared.get().networks if self._shared else None)
            return self._made


@dataclass(frozen=True)
class Backend:
    """The runs, who watches them, who acts on them, who may, what is evaluated, and who answers."""

    store: RunStore
    data_dir: Path
    sources: tuple[str, ...]
    launcher: Launcher
    watcher: Watcher
    access: Access
    evaluations: EvaluationJobs
    predictor: PredictorOnDemand
    visitors: "Visitors | None" = None  # where a GPU is lent to whoever asks for one

    @classmethod
    def over(
        cls, store: RunStore, data_dir: Path, folders: Sequence[str] = (), access: Access | None = None
    ) -> "Backend":
        """Over one folder of runs. The page offers the image folders that the app was started with (`folder:PATH`)
        first, then what everyone has; without `access` whoever opens it is its owner."""
        sources = (*folders, *KNOWN)
        launcher, evaluations = Launcher(store, data_dir), EvaluationJobs(data_dir)
        watcher, predictor = Watcher(store), PredictorOnDemand(store)
        return cls(store, data_dir, sources, launcher, watcher, access or Access(), evaluations, predictor)

    def of(self, request: gr.Request | None) -> "Backend":
        """What this request is shown and may act on: a visitor's own where each may train, else this."""
        if self.visitors is None or self.access.is_owner(request):
            return self
        return self.visitors.backend_of(request) or self

    def act(self, action: Callable[[], Done]) -> Done:
        """Do what a person asked for, so that whoever looks next sees it, also where only a part could be done."""
        try:
            return act(action)
        finally:
            self.watcher.snapshot(now=True)

"""What the page stands on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from resnet_demo.inference.evaluation_jobs import EvaluationJobs
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Watcher
from resnet_demo.ui.access import Access
from resnet_demo.ui.wiring import act
from resnet_demo.workers.launcher import Launcher


@dataclass(frozen=True)
class Backend:
    """The runs, who watches them, who acts on them, who may, and what is evaluated."""

    store: RunStore
    data_dir: Path
    sources: tuple[str, ...]
    launcher: Launcher
    watcher: Watcher
    access: Access
    evaluations: EvaluationJobs

    @classmethod
    def over(
        cls, store: RunStore, data_dir: Path, folders: Sequence[str] = (), access: Access | None = None
    ) -> "Backend":
        """Over one folder of runs. The page offers the image folders that the app was started with (`folder:PATH`)
        first, then what everyone has; without `access` whoever opens it is its owner."""
        sources = (*folders, "cifar10", "digits")
        launcher, evaluations = Launcher(store, data_dir), EvaluationJobs(data_dir)
        return cls(store, data_dir, sources, launcher, Watcher(store), access or Access(), evaluations)

    def act(self, action: Callable[[], object]) -> None:
        """Do what a person asked for, so that whoever looks next sees it, also where only a part could be done."""
        try:
            act(action)
        finally:
            self.watcher.snapshot(now=True)

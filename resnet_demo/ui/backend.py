"""What the page stands on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from resnet_demo.training.launcher import Launcher
from resnet_demo.training.run_store import RunStore
from resnet_demo.ui.access import Access
from resnet_demo.ui.watch import Watcher
from resnet_demo.ui.wiring import act


@dataclass(frozen=True)
class Backend:
    """The runs, who watches them, who acts on them, and who may."""

    store: RunStore
    data_dir: Path
    sources: tuple[str, ...]
    launcher: Launcher
    watcher: Watcher
    access: Access

    def act(self, action: Callable[[], object]) -> None:
        """Do what a person asked for, so that whoever looks next sees it, also where only a part could be done."""
        try:
            act(action)
        finally:
            self.watcher.look(now=True)


def default_sources(folders: Sequence[str]) -> tuple[str, ...]:
    """What the page offers: the folders that the app was started with first, then what everyone has."""
    return (*folders, "cifar10", "digits")

"""The lists of runs to choose from: which one is shown, and whose weights a new one starts from."""

from resnet_demo.data.known import data_label
from resnet_demo.language import t
from resnet_demo.runs.config import PARENT
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.watcher import NEWEST, RunsSnapshot
from resnet_demo.text import listed


def run_choices(snapshot: RunsSnapshot) -> list[tuple[str, str]]:
    """(label, id) of the runs that can be looked at."""
    runs = [(listed([s.name, data_label(s.config.data), _standing(s)]), s.run.id) for s in snapshot.runs]
    own = any(not s.run.is_shipped for s in snapshot.runs)
    first = t("The newest run") if own or not runs else t("No run of your own yet: a recording")
    return [(first, NEWEST), *runs]


def _standing(snapshot: Snapshot) -> str:
    return listed([t(snapshot.status), *([t("came with resnet_demo")] if snapshot.run.is_shipped else [])])


def parent_choices(snapshot: RunsSnapshot) -> list[tuple[str, str]]:
    """(label, what `start_from` then says) of the runs that have weights to start from."""
    return [(_parent_label(s), f"{PARENT}{s.run.id}") for s in snapshot.runs if s.view.saved]


def _parent_label(run: Snapshot) -> str:
    return t("{run}, {network} on {data}", run=run.name, network=run.config.arch, data=data_label(run.config.data))

"""The run directory is the interface: whoever trains writes these files, whoever looks reads them. Those about its
worker stand in `worker_files`. Imports no torch."""

import functools
import os
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from resnet_demo.errors import UserError
from resnet_demo.files import is_number, open_regular, read_json, replace_json
from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import CheckpointError, ModelInfo, read_model_info
from resnet_demo.runs.config import ConfigError, TrainConfig
from resnet_demo.runs.early_stopping import reason_to_stop
from resnet_demo.runs.event_log import EventLog
from resnet_demo.runs.events import Event, RunEnded, to_line
from resnet_demo.runs.fold import Folding, RunView, fold
from resnet_demo.runs.worker_files import WorkerFiles
from resnet_demo.text import printable

SHIPPED = Path(__file__).parents[1] / "shipped"  # runs that come with the project
RUN_FORMAT = 2  # of config.json and events.jsonl: raise it where a reader of before would take them for something else
TITLE_MAX = 80  # characters
DELETED, PULLED, RESTORED = ".deleted-", ".pull-", ".restore-"
ASIDE = (DELETED, PULLED, RESTORED)  # begin the names of folders that are on their way out or in: no runs
VISITORS = ".visitors"  # in the folder of runs: see `visitors.py`
WRITTEN_BY_THE_PAGE = (  # without the run's lock
    "control.json", "title.json", "pinned.png", "evaluation.json", "blocks.json", "loss_slice.json", "exit.json",
)  # fmt: skip


class RunError(UserError):
    """A run that cannot be used as wanted: a sentence for people."""


def is_shipped_folder(folder: Path) -> bool:
    """Whether this is the folder of the runs that come with the project, by whatever path."""
    return os.path.realpath(folder) == os.path.realpath(SHIPPED)


def _file(name: str) -> functools.cached_property:
    """The path of a run's file, made when it is first asked for: a snapshot lists a thousand runs."""
    return functools.cached_property(lambda run: run.path / name)


class RunDirectory(WorkerFiles):
    """One run's files. Holding one costs nothing; everything is read when asked for."""

    events_path = _file("events.jsonl")
    model_path = _file("model.safetensors")
    state_path = _file("resume.pt")
    first_weights_path = _file("first_weights.safetensors")  # of a run that starts from a file's weights
    log_path = _file("worker.log")
    epochs_path = _file("epochs")
    pinned_path = _file("pinned.png")

    def __init__(self, path: Path, is_shipped: bool = False) -> None:
        """A shipped run came with the project: it is only looked at."""
        self.path, self.is_shipped = path, is_shipped
        self.id = printable(path.name)  # a folder's name may hold bytes that no page and no terminal can take

    @classmethod
    def at(cls, typed: Path) -> "RunDirectory":
        """The run that somebody names by its path. A link stays one: it trains under the locks of the folder that
        lists it, not of the one that it leads to."""
        path = Path(os.path.abspath(typed))  # noqa: PTH100 - resolve() would follow the link
        return cls(path, is_shipped_folder(Path(os.path.realpath(path)).parent))

    @property
    def is_visitors(self) -> bool:
        """Whether a visitor trains it, where a GPU is lent to whoever asks."""
        return self.path.parent.parent.name == VISITORS

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunDirectory) and self.path == other.path

    def __hash__(self) -> int:
        return hash(self.path)

    # --- what it takes to run it again ------------------------------------------------------------------------

    def write_config(self, config: TrainConfig, **environment) -> None:
        """The config, and what it ran with: versions, device, threads, git commit. Raises RunError for a run that came
        with the project."""
        self.refuse_if_shipped()
        created = (read_json(self.path / "config.json") or {}).get("created", time.time())
        stored = {
            "format": RUN_FORMAT,
            "created": created,
            "config": config.to_dict(),
            "environment": environment,
        }
        replace_json(self.path / "config.json", stored)

    def refuse_if_shipped(self) -> None:
        """Raises RunError for a run that came with the project."""
        if self.is_shipped:
            raise RunError("This run came with resnet_demo and stays as it is. Choose a run of your own.")

    def created(self) -> float:
        """Unix seconds; 0 where config.json cannot be read."""
        created = (read_json(self.path / "config.json") or {}).get("created", 0.0)
        return created if is_number(created) else 0.0

    def exists(self) -> bool:
        try:
            return (self.path / "config.json").is_file()
        except PermissionError:  # a folder that may not be entered, as a disk's lost+found, is no run of ours
            return False

    def is_ours(self) -> bool:
        """Whether config.json reads as a run's, of whatever version: other programs call a file so, too."""
        config = (read_json(self.path / "config.json") or {}).get("config")
        return isinstance(config, dict) and {"data", "arch", "epochs"} <= set(config)

    def _config_file(self) -> dict:
        stored = read_json(self.path / "config.json")
        if stored is None or not isinstance(stored.get("config"), dict):
            raise RunError(t("The run '{run}' has no readable config.json, so it cannot be opened.", run=self.id))
        if stored.get("format", 1) not in range(1, RUN_FORMAT + 1):  # there was no number before 2
            raise RunError(
                t("The run '{run}' was made by a newer version of resnet_demo. Update, then open it.", run=self.id)
            )
        return stored

    def config(self) -> TrainConfig:
        """Raises RunError where config.json is missing, damaged or of a newer version."""
        try:
            return TrainConfig.from_dict(self._config_file()["config"])
        except ConfigError as error:
            raise RunError(t("The run '{run}' cannot be opened. {reason}", run=self.id, reason=error)) from error

    def environment(self) -> dict:
        environment = self._config_file().get("environment")
        return environment if isinstance(environment, dict) else {}

    # --- its title and its size -------------------------------------------------------------------------------

    def title(self) -> str:
        """The name that a person gave the run; '' where there is none."""
        title = (read_json(self.path / "title.json") or {}).get("title")
        return title if isinstance(title, str) and _title_problem(title) is None else ""

    def rename(self, title: str) -> None:
        """Give the run a title, '' for none. It stands in a file of its own, since a worker rewrites config.json,
        and its folder keeps its name. Raises RunError where the title is too long or is not one line of text."""
        self.refuse_if_shipped()
        title = title.strip()
        if problem := _title_problem(title):
            raise RunError(problem)
        try:
            replace_json(self.path / "title.json", {"title": title})
        except OSError as error:
            told = t("The run '{run}' could not be renamed ({reason}).", run=self.id, reason=error.strerror)
            raise RunError(told) from error

    def size_bytes(self) -> int:
        """What the run's files take on the disk; those that vanish meanwhile count nothing."""
        return _size_bytes(self.path)

    def resume_state_bytes(self) -> int:
        """What of it is the state to go on from; 0 where there is none."""
        try:
            return self.state_path.stat().st_size
        except OSError:
            return 0

    # --- the log ----------------------------------------------------------------------------------------------

    def append(self, event: Event) -> None:
        """Add one line. A line that a kill or a full disk has cut off is closed first, so that it stays alone."""
        with self.events_path.open("ab+") as log:
            if log.tell():
                log.seek(-1, 2)
                if log.read(1) != b"\n":
                    log.write(b"\n")
            log.write(to_line(event).encode() + b"\n")

    def events(self) -> list[Event]:
        """All whole lines of the log; empty where there is none yet."""
        return EventLog(self.events_path).read()

    def view(self) -> RunView:
        """The log summed up, a long one's points thinned."""
        folding = Folding(self._log_every_steps())
        folding.add_lines(EventLog(self.events_path).lines())
        return self.with_ending(folding.view())

    def whole_view(self) -> RunView:
        """With every point: what is exported."""
        return self.with_ending(fold(self.events(), self._log_every_steps()))

    def _log_every_steps(self) -> int:
        try:
            return self.config().log_every_steps
        except RunError:
            return 0

    def with_ending(self, view: RunView) -> RunView:
        """The log's sum, finished where the files say so whatever became of the log's last line: the weights are of the
        last epoch, or of one after which the run stopped early, and the state to go on from is gone, as it is only once
        they are saved."""
        if view.is_over or self.state_path.exists() or (info := self.model_info()) is None:
            return view
        try:
            config = self.config()
        except RunError:
            return view
        accuracies = [epoch.validation_accuracy for epoch in view.epochs[: info.epoch]]
        early = reason_to_stop(accuracies, config.early_stopping_patience) if info.epoch < config.epochs else ""
        if info.epoch < config.epochs and not early:
            return view
        ended = RunEnded(
            time=view.last.time if view.last else self.created(),
            epoch=info.epoch,
            step=info.step,
            images_seen=info.step * config.batch_size,
            elapsed_s=view.elapsed_s,
            outcome="finished",
            message=early,
        )
        return replace(view, ended=ended, paused=False)

    def can_resume(self, view: RunView) -> bool:
        """Whether the run, whose log this is, can go on: a stopped one while the state to go on from is kept."""
        stopped = view.ended is not None and view.ended.outcome == "stopped"
        return not view.is_over or (stopped and self.state_path.exists())

    def log_tail(self, lines: int = 12) -> str:
        """The end of worker.log, '' where there is none; bytes that are no UTF-8 are replaced."""
        try:
            with open_regular(self.log_path) as log:
                log.seek(0, 2)
                log.seek(max(0, log.tell() - 16_384))
                text = log.read().decode("utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def has_begun(self) -> bool:
        """Whether a worker has begun to load for it, said a word or saved."""
        return bool(self.environment() or self.events() or self.state_path.exists() or self.model_path.exists())

    # --- its checkpoints, and what else there is of it ---------------------------------------------------------

    def model_info(self) -> ModelInfo | None:
        """The header of model.safetensors; None where there is no whole one."""
        try:
            stat = self.model_path.stat()
            return _model_info(self.model_path, stat.st_mtime_ns, stat.st_size)
        except (OSError, CheckpointError):
            return None

    def last_logged_at(self) -> float:
        """When the log last grew, in Unix seconds; 0 where there is none."""
        try:
            return self.events_path.stat().st_mtime
        except OSError:
            return 0.0

    def order(self) -> int:
        """See `RunStore.put_last`; 0 in runs of before."""
        order = (read_json(self.path / "order.json") or {}).get("order")
        return order if type(order) is int else 0

    def write_order(self, order: int) -> None:
        replace_json(self.path / "order.json", {"order": order})

    def saved_epochs(self) -> list[int]:
        """Those whose weights are kept; files of other names are a person's own."""
        names = (path.stem for path in self.epochs_path.glob("*.safetensors"))
        return sorted(int(name) for name in names if name.isdecimal() and name == f"{int(name):04}")

    def epoch_path(self, epoch: int) -> Path:
        return self.epochs_path / f"{epoch:04}.safetensors"


def _title_problem(title: str) -> str | None:
    if len(title) > TITLE_MAX:
        return f"A title may have at most {TITLE_MAX} characters, not {len(title)}."
    if not title.isprintable():
        return "A title is one line of text, without control characters."
    return None


def _size_bytes(folder: Path) -> int:
    total = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                is_folder = entry.is_dir(follow_symlinks=False)
                total += _size_bytes(Path(entry)) if is_folder else entry.stat(follow_symlinks=False).st_size
    return total


@functools.lru_cache(maxsize=4096)
def _model_info(path: Path, changed_ns: int, size: int) -> ModelInfo:
    """Read once for each state of the file: every open page asks for every run's."""
    return read_model_info(path)

"""A disk that is full in mid-save, and every file of a run cut short or overwritten: a start works from the last good
state, or says in one sentence what is wrong; and nothing that had been saved is lost."""

import os
import random
import resource
import shutil
import subprocess
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.directory import RunDirectory, RunError
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import NEWEST, Watcher
from resnet_demo.runs.worker_files import PAUSE
from resnet_demo.training.resume_state import load_state
from resnet_demo.ui.html.run_log import log_text
from resnet_demo.ui.html.runs_table import NEWEST_FIRST, table_html
from resnet_demo.ui.html.status_card import status_html
from resnet_demo.workers.worker import Worker
from tests.support.workers import TrainCommand, assert_as_if_never_disturbed

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
BIG = 1_000_000  # bytes; such files are always replaced, never written into, so that copies of a run may share them
PLACES = 20


# --- a full disk ----------------------------------------------------------------------------------------------------


class SmallDisk:
    """A file system of its own, which can be filled to the last byte."""

    in_the_worker = None

    def __init__(self, path: Path) -> None:
        self.path, self._filler = path, path / "filler"

    def fill(self, left: int) -> None:
        """Take all space but so many bytes."""
        filesystem = os.statvfs(self.path)
        with self._filler.open("wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, filesystem.f_bavail * filesystem.f_frsize - left)

    def empty(self) -> None:
        self._filler.unlink()


class LimitedFiles:
    """Where nothing may be mounted: no file of the worker may grow beyond what is left."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fill(self, left: int) -> None:
        limit = min(60_000_000, max(left, BIG))
        self.in_the_worker = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (limit, limit))

    def empty(self) -> None:
        """The next worker has no limit."""


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk"
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", str(path)]
    if os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0:
        yield SmallDisk(path)
        subprocess.run(["umount", str(path)], check=True)
    else:
        yield LimitedFiles(path)


@pytest.mark.parametrize(
    ("left", "saved_before"),
    [(250_000_000, False), (60_000_000, True), (0, True)],
    ids=["full in the first save's third file", "full in resume.pt", "full to the last byte"],
)
def test_a_full_disk_ends_in_a_sentence_and_costs_nothing_that_was_saved(
    disk, tiny_config, tmp_path, left, saved_before
):
    run = RunStore(disk.path / "runs").create(replace(tiny_config, epochs=1000, train_images=96))
    if saved_before:
        for event in Worker(run, tmp_path).work():
            if event.step == 7:
                run.request(PAUSE)
    disk.fill(left)
    command = TrainCommand(run, tmp_path, disk.in_the_worker)
    assert command.wait() == 1
    ended = run.view().ended
    assert ended.outcome == "failed" and is_sentence(ended.message), ended
    assert "No space left" in ended.message or "File too large" in ended.message or "could not be" in ended.message
    assert ended.message in run.log_path.read_text() and "Traceback" not in run.log_path.read_text()
    assert list(run.path.rglob(".*")) == []
    assert run.state_path.exists() or (isinstance(disk, LimitedFiles) and not saved_before)
    step = load_state(run.state_path)["step"] if run.state_path.exists() else 0

    disk.empty()
    for event in Worker(run, tmp_path).work():
        if isinstance(event, events.RunResumed):
            assert event.step == step
        if event.step == step + 8:
            run.request(PAUSE)
    shutil.copytree(run.path, tmp_path / "elsewhere" / run.id)  # the disk has no room for two runs
    assert_as_if_never_disturbed(RunDirectory(tmp_path / "elsewhere" / run.id), tmp_path)


# --- damaged files --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def paused(tmp_path_factory) -> RunDirectory:
    """A run with every file that a run can have."""
    tiny = {"arch": "resnet18", "epochs": 4, "batch_size": 16, "train_images": 96, "test_images": 40, "threads": 2}
    tiny["optimizer"] = "sgd"  # has the smaller state
    run = RunStore(tmp_path_factory.mktemp("paused")).create(preset_config("tour", **tiny))
    for event in Worker(run, run.path).work():
        if event.step == 7:
            run.request(PAUSE)
    run.log_path.write_text("What the worker said.\n" * 20)
    assert run.view().paused and run.saved_epochs() == [1]
    return run


FILES = (
    "config.json", "events.jsonl", "progress.json", "control.json", "worker.log", "worker.lock", "order.json",
    "resume.pt", "model.safetensors", "epochs/0001.safetensors",
)  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_worked_around_or_named(paused, name, tmp_path):
    assert {str(path.relative_to(paused.path)) for path in paused.path.rglob("*") if path.is_file()} == set(FILES)
    outcomes = {}
    for what, content in damages((paused.path / name).read_bytes()):
        run = copy(paused, RunStore(tmp_path / what), name, content)
        outcomes[what] = outcome(run, paused.view().saved.step)
        look(run)
        for kept in ("resume.pt", "model.safetensors", "epochs/0001.safetensors"):
            if kept != name:
                assert (run.path / kept).samefile(paused.path / kept), f"{what}: {kept} was lost"
        shutil.rmtree(tmp_path / what)
    print(name, outcomes)
    wrong = {what: said for what, said in outcomes.items() if said != "resumed" and not is_sentence(said)}
    assert wrong == {}
    if name not in ("config.json", "resume.pt"):
        assert set(outcomes.values()) == {"resumed"}


def damages(content: bytes):
    """(name, content): cut at 20 places, noise over all of it, and noise over a part, at 5 places."""
    noise, size = random.Random(0), len(content)
    for place in range(PLACES):
        yield f"cut-{place}", content[: size * place // PLACES]
    yield "noise", noise.randbytes(max(size, 100))
    for place in range(PLACES // 8, PLACES, PLACES // 5):
        first = size * place // PLACES
        spoiled = noise.randbytes(min(4096, max(1, size // PLACES)))
        yield f"noise-{place}", content[:first] + spoiled + content[first + len(spoiled) :]


def copy(run: RunDirectory, store: RunStore, damaged: str, content: bytes) -> RunDirectory:
    copied = RunDirectory(store.folder / run.id)
    for name in FILES:
        source, target = run.path / name, copied.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if name == damaged:
            target.write_bytes(content)
        elif source.stat().st_size > BIG:
            os.link(source, target)
        else:
            shutil.copy(source, target)
    return copied


def outcome(run: RunDirectory, saved_step: int) -> str:
    """Start a worker: 'resumed' where it goes on from the saved step, else what it says."""
    work = Worker(run, run.path).work()
    resumed = False
    try:
        for event in work:
            if isinstance(event, events.RunResumed):
                assert event.step == saved_step
                resumed = True
            if isinstance(event, events.StepEnded):
                work.close()
                return "resumed" if resumed and event.step == saved_step + 1 else f"a step {event.step} out of nowhere"
    except RunError as error:
        return str(error)
    return event.message if isinstance(event, events.RunEnded) else f"ended with {event}"


def look(run: RunDirectory) -> None:
    """What a page would show: never an error, and a run that cannot be opened is named."""
    seen = Watcher(RunStore(run.path.parent)).snapshot()
    status_html(seen.shown(NEWEST))
    log_text(seen.shown(NEWEST))
    run.log_tail()
    assert run.id in table_html(seen, NEWEST_FIRST)


def is_sentence(text: str) -> bool:
    return text.endswith(".") and "\n" not in text and "Traceback" not in text and "unexpected error" not in text

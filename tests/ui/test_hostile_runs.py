"""A run's folder can come from anywhere. Whatever stands in one, it costs that run a sentence at most: the page, the
table and the other runs never notice."""

import json
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from resnet_demo.runs import events as said
from resnet_demo.runs import watcher
from resnet_demo.runs.event_log import BLOCK_BYTES, EventLog
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html import comparison, runs_table
from resnet_demo.ui.html.curves import ChartChoice, run_charts
from resnet_demo.ui.html.pinned_card import pinned_html, probability_chart
from resnet_demo.ui.html.run_choices import parent_choices, run_choices
from resnet_demo.ui.html.run_log import log_html
from resnet_demo.ui.html.run_sentence import announcement
from resnet_demo.ui.html.status_card import status_html, tab_title
from tests.support.checkpoints import INFO, make_run

DEEP = "[" * 100_000 + "]" * 100_000
HUGE = "1" + "0" * 400
GOOD, EVIL = "20260102-good", "20260101-evil"
PLACE = {"time": 1.7e9, "epoch": 1, "step": 4, "images_seen": 64, "elapsed_s": 2.0}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A run that has trained an epoch, with a checkpoint."""
    store = RunStore(tmp_path_factory.mktemp("good"))
    run = make_run(store, GOOD)
    run.append(
        said.RunStarted(
            **PLACE, epochs=2, steps_per_epoch=4, train_images=64, validation_images=8, test_images=8,
            classes=INFO.classes, device="cpu", warnings=("one",),
        )
    )  # fmt: skip
    run.append(said.MetricsLogged(**PLACE, train_loss=1.0, train_accuracy=0.5, learning_rate=0.1, images_per_s=9.0))
    run.append(said.EpochEnded(**PLACE, test_loss=1.0, test_accuracy=0.5))
    run.append(said.PredictionLogged(**PLACE, image="a", probabilities=(0.1, 0.2, 0.3, 0.4)))
    run.append(said.CheckpointSaved(**PLACE))
    run.append(said.RunEnded(**PLACE, outcome="failed", message="Full."))
    run.request("pause")
    return run.path


def text(name: str, value: str) -> Callable[[Path], object]:
    return lambda run: (run / name).write_text(value, encoding="utf-8", errors="surrogateescape")


def events(**changes) -> Callable[[Path], object]:
    def change(run: Path) -> None:
        lines = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
        changed = [{key: changes.get(key, value) for key, value in line.items()} for line in lines]
        (run / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in changed))

    return change


def config(**changes) -> Callable[[Path], object]:
    def change(run: Path) -> None:
        stored = json.loads((run / "config.json").read_text())
        stored["config"].update(changes)
        (run / "config.json").write_text(json.dumps(stored))

    return change


def model(**metadata: str) -> Callable[[Path], object]:
    def change(run: Path) -> None:
        data = (run / "model.safetensors").read_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
        header["__metadata__"].update(metadata)
        head = json.dumps(header).encode()
        head += b" " * (-len(head) % 8)
        (run / "model.safetensors").unlink()
        (run / "model.safetensors").write_bytes(struct.pack("<Q", len(head)) + head + body)

    return change


def in_place_of(name: str, make: Callable[[Path], object]) -> Callable[[Path], object]:
    def change(run: Path) -> None:
        (run / name).unlink(missing_ok=True)
        make(run / name)

    return change


def fitted(name: str, value: str) -> str:
    known = {"images": "100", "temperature": "1.2", "error_before": "0.1", "error_after": "0.05", name: value}
    return "{" + ", ".join(f'"{key}": {written}' for key, written in known.items()) + "}"


ODD_COUNTS = ("1.5", "-1", "true", '"1"', "[1]", "1e300")
ODD_FITS = [
    *(("images", count) for count in ODD_COUNTS),
    *(("temperature", value) for value in ("0", "-1", "1e-300", "1e300", '"1"')),
]
OURS = (
    "config.json", "events.jsonl", "progress.json", "control.json", "title.json", "model.safetensors", "worker.log",
    "worker.lock", "pinned.png", "epochs", "resume.pt", "exit.json",
)  # fmt: skip
OBSTACLES = {"folder": Path.mkdir, "loop": lambda path: path.symlink_to(path.name), "pipe": os.mkfifo}
CASES = {f"{kind} in place of {name}": in_place_of(name, make) for kind, make in OBSTACLES.items() for name in OURS}
CASES |= {f"{name} deep": text(name, DEEP) for name in OURS if name.endswith(".json")}
CASES |= {f"{name} deeper": text(name, f'{{"config": {DEEP}, "wanted": {DEEP}}}') for name in OURS if ".json" in name}
CASES |= {
    f"{field} is {value!r:.20}": events(**{field: value})
    for field in (
        "time", "step", "epoch", "elapsed_s", "images_seen", "train_loss", "train_accuracy", "learning_rate",
        "images_per_s", "test_loss", "test_accuracy", "steps_per_epoch", "epochs", "outcome", "message", "classes",
        "warnings", "probabilities", "device", "image", "event",
    )
    for value in (
        "x", None, float("nan"), float("inf"), -1, 0, int(HUGE), [], [[1]], {"a": 1}, ["\udce9"], True, [None] * 4,
    )
}  # fmt: skip
CASES |= {
    f"progress {field} is {value}": text(
        "progress.json", json.dumps({"phase": "training", "done": 1, "total": 2, field: value})
    )
    for field in ("phase", "done", "epoch", "images_per_s", "remaining_s", "time", "unknown")
    for value in ("x", None, [1], float("nan"), int(HUGE))
}
CASES |= {
    "class not utf-8": model(classes=json.dumps(["caf\udce9", *INFO.classes[1:]])),
    "class that acts": model(classes=json.dumps(["\x1b]0;x\x07", *INFO.classes[1:]])),
    "data not utf-8": config(data="folder:/images/\udce9"),
    "message not utf-8": events(message="\udce9"),
    "title not utf-8": text("title.json", '{"title": "\\udce9"}'),
    "mean nan": model(mean="[NaN,NaN,NaN]"),
    "mean huge": model(mean=f"[{HUGE},0,0]"),
    "mean deep": model(mean=DEEP),
    "accuracy huge": model(accuracy=HUGE),
    **{f"{name} is {value}": model(**{name: value}) for name in ("epoch", "step", "held_out") for value in ODD_COUNTS},
    **{f"calibration {name} is {value}": model(calibration=fitted(name, value)) for name, value in ODD_FITS},
    "created huge": text("config.json", f'{{"created": {HUGE}, "config": {{}}}}'),
    "events deep": lambda run: (run / "events.jsonl").open("a").write(DEEP + "\n"),
    "no objects": lambda run: (run / "events.jsonl").open("a").write('1\n"x"\nnull\n[]\n{}\n'),
}


def make(good: Path, folder: Path, case: str, name: str = EVIL) -> None:
    """A good run, and beside it a copy of it with that case's fault."""
    for run in (GOOD, name):
        if not (folder / run).exists():
            shutil.copytree(good, folder / run, ignore=lambda *_: ["model.safetensors"])
            os.link(good / "model.safetensors", folder / run / "model.safetensors")  # 45 MB
    CASES[case](folder / name)


def show(snapshot: watcher.RunsSnapshot) -> None:
    """Every part of the page that is made of runs, of each of them."""
    parts = [runs_table.table_html(snapshot, f"{name} ascending") for name in runs_table.COLUMNS]
    parts += [run_choices(snapshot), parent_choices(snapshot), snapshot.checkpoints]
    for run in snapshot.runs:
        parts += [status_html(run), log_html(run), snapshot.version_of(run), pinned_html(run)]
        parts += [probability_chart(run), announcement(run, True), tab_title(run)]
        for by in ("epoch", "step", "time"):
            parts += run_charts(run, ChartChoice(0.6, by))
        picked = runs_table.picked_runs(snapshot, json.dumps([run.run.id, GOOD]))
        parts += [comparison.curves_html(picked, ChartChoice()), comparison.differences_html(picked)]
        parts += [run.run.model_info() and run.run.model_info().classes, run.run.size_bytes(), run.run.saved_epochs()]
    orjson.dumps(parts, default=str)


@pytest.mark.parametrize("case", CASES)
def test_one_hostile_run_costs_the_others_nothing(good, tmp_path, case):
    make(good, tmp_path, case)
    store = RunStore(tmp_path)
    looking = watcher.Watcher(store)
    for _ in range(2):
        snapshot = looking.snapshot(now=True)
        assert GOOD in [run.run.id for run in snapshot.runs]
        show(snapshot)
    assert store.active() is None and store.latest_model() is not None
    assert len(snapshot.unreadable) <= 1


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("folder in place of events.jsonl", "The log of the run '20260101-evil' cannot be read"),
        ("loop in place of events.jsonl", "The log of the run '20260101-evil' cannot be read"),
        ("pipe in place of events.jsonl", "The log of the run '20260101-evil' cannot be read (this is no file)"),
        ("step is 'x'", "6 lines of the log of the run '20260101-evil' say what cannot be"),
        ("config.json deep", "The run '20260101-evil' has no readable config.json"),
    ],
)
def test_it_is_said_in_a_sentence(good, tmp_path, case, words):
    make(good, tmp_path, case)
    (sentence,) = watcher.Watcher(RunStore(tmp_path)).snapshot().unreadable
    assert words in sentence


def test_a_page_is_built_over_all_of_them(good, tmp_path):
    for place, case in enumerate(CASES):
        if place % 12 == 0 or "utf-8" in case or "mean" in case or "model" in case:
            make(good, tmp_path, case, f"evil-{place}")
    page = build_app(Backend.over(RunStore(tmp_path), tmp_path / "data"))
    orjson.dumps(page.get_config_file(), default=str)


def test_what_a_diverged_run_has_measured_is_read(good, tmp_path):
    make(good, tmp_path, "train_loss is nan")
    evil = next(run for run in watcher.Watcher(RunStore(tmp_path)).snapshot().runs if run.run.id == EVIL)
    assert len(evil.view.metrics) == 1


def test_a_line_without_an_end_is_read_once(tmp_path):
    log = tmp_path / "events.jsonl"
    with log.open("wb") as file:
        file.truncate(5 * BLOCK_BYTES)
    followed = EventLog(log)
    assert followed.read() == [] and followed.offset >= 4 * BLOCK_BYTES
    with log.open("ab") as file:
        file.write(b"\n" + said.to_line(said.CheckpointSaved(**PLACE)).encode() + b"\n")
    assert [type(event) for event in followed.read()] == [said.CheckpointSaved]

"""No text of the Train and Runs tabs stands outside the table: where every text of the table is marked, nothing of two
English words is left unmarked."""

import re
from dataclasses import replace

import pytest
from PIL import Image

from resnet_demo.language import CHINESE, in_language
from resnet_demo.runs import events
from resnet_demo.runs.config import TORCHVISION, preset_config
from resnet_demo.runs.fold import fold
from resnet_demo.runs.pinned import PinnedImage
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.text import PHASES
from resnet_demo.runs.watcher import RunsSnapshot, Watcher
from resnet_demo.runs.worker_files import DISCARD, PAUSE, STOP, Exit, Progress
from resnet_demo.ui.html import comparison, runs_table, tour
from resnet_demo.ui.html.block_strip import strip_html
from resnet_demo.ui.html.changes import changes_html, configuration_html
from resnet_demo.ui.html.curves import ChartChoice, run_charts, schedule_chart
from resnet_demo.ui.html.pinned_card import pinned_html, probability_chart
from resnet_demo.ui.html.plan import plan_html, plan_placeholder
from resnet_demo.ui.html.queue import queue_html
from resnet_demo.ui.html.replay import replay_html
from resnet_demo.ui.html.run_choices import parent_choices, run_choices
from resnet_demo.ui.html.run_log import log_html
from resnet_demo.ui.html.run_sentence import announcement
from resnet_demo.ui.html.setting_details import details_html
from resnet_demo.ui.html.status_card import lost_html, status_html, tab_title
from resnet_demo.ui.html.visitors import visitor_html
from resnet_demo.ui.tabs.form import FIELDS, search_box
from resnet_demo.workers.estimate import Estimate
from resnet_demo.workers.worker import STOPPED
from tests.support import marked
from tests.support.recordings import make_recording

# Called the same in every language.
CODES = re.compile(r"\b(CPU|GPU|GB|CIFAR-10|resnet\d+|imagenet|torchvision|linear_warmup_decay|by_name)\b")
PLACE = {"time": 1.8e9, "epoch": 1, "step": 10, "images_seen": 160, "elapsed_s": 65.0}
STARTED = events.RunStarted(
    **PLACE | {"step": 0}, epochs=2, steps_per_epoch=20, train_images=320, validation_images=32, test_images=100,
    classes=("cat", "dog"), device="CPU, 2 threads, bfloat16",
)  # fmt: skip
METRIC = events.MetricsLogged(**PLACE, train_loss=1.2, train_accuracy=0.5, learning_rate=0.1, images_per_s=172.6)
EPOCH = events.EpochEnded(**PLACE | {"step": 20}, test_loss=1.0, test_accuracy=0.9, validation_accuracy=0.8)
SAVED = events.CheckpointSaved(**PLACE)
PINNED = PinnedImage("a", Image.new("RGB", (32, 32)))
SEEN = [
    events.PredictionLogged(**PLACE | {"step": step}, image="a", probabilities=shares)
    for step, shares in ((0, (0.6, 0.4)), (10, (0.3, 0.7)), (20, (0.999, 0.001)))
]
BLOCKS = events.BlocksMeasured(**PLACE, ratios=(0.5,) * 8, response_stds=(0.5,) * 8, gradient_norms=(0.5,) * 8)


def unmarked(markup: str) -> list[str]:
    return marked.unmarked(markup, CODES)


def ended(outcome: str) -> events.RunEnded:
    return events.RunEnded(**PLACE, outcome=outcome, message=STOPPED if outcome == "stopped" else "")


LOGS: dict[str, tuple[events.Event, ...]] = {
    "paused": (STARTED, METRIC, SAVED, events.RunPaused(**PLACE)),
    "paused before a save": (STARTED, METRIC, events.RunPaused(**PLACE)),
    "interrupted": (STARTED, METRIC, SAVED),
    "interrupted before a save": (STARTED, METRIC),
    "finished": (STARTED, METRIC, EPOCH, *SEEN, ended("finished")),
    "stopped": (STARTED, METRIC, replace(EPOCH, validation_accuracy=None), *SEEN[:2], ended("stopped")),
    "failed": (STARTED, ended("failed")),
    "before its first step": (replace(STARTED, validation_images=0),),
}


@pytest.fixture
def every_text_marked():
    with marked.every_text_marked():
        yield


@pytest.fixture
def config():
    return preset_config("tour", arch="resnet18", epochs=2, flip=False, start_from=TORCHVISION)


@pytest.fixture
def run(tmp_path, config):
    return RunStore(tmp_path).create(config)


def snapshot(run, *log: events.Event, **more) -> Snapshot:
    settings = {"alive": False, "progress": None, "wanted": "run", "pinned": PINNED, **more}
    return Snapshot(run=run, view=fold(log), **{"config": run.config(), **settings})


def everything(shown: Snapshot | None, owner: bool) -> str:
    """All that the Train tab says of a run."""
    choice = ChartChoice(smoothing=0.5, by="time")
    parts = [
        status_html(shown, owner, "", busy=not owner),
        configuration_html(shown),
        log_html(shown, owner),
        pinned_html(shown, owner),
        *run_charts(shown, choice),
        probability_chart(shown, choice),
        strip_html(shown),
        tour.next_html(shown, owner),
        *(tour.caption(shown, part) for part in tour.CAPTIONS),
    ]
    return "".join(parts)


@pytest.mark.usefixtures("every_text_marked")
@pytest.mark.parametrize("owner", [True, False])
@pytest.mark.parametrize("log", LOGS)
def test_of_a_run_at_rest(run, log, owner):
    assert unmarked(everything(snapshot(run, *LOGS[log], exit=Exit(-9, 0.0, began=False)), owner)) == []


@pytest.mark.usefixtures("every_text_marked")
@pytest.mark.parametrize("phase", PHASES)
def test_of_a_run_that_trains(run, phase):
    progress = Progress(phase, 30, 60, step=12, process_id=7, cpu_percent=90.0, memory_bytes=10**9)
    progress = replace(progress, gpu_memory_bytes=10**9, gpu_percent=50.0, gpu_memory_peak_bytes=2 * 10**9)
    live = {"alive": True, "progress": progress}
    shown = [snapshot(run, STARTED, METRIC, BLOCKS, wanted=wanted, **live) for wanted in ("run", PAUSE, STOP, DISCARD)]
    assert unmarked("".join(everything(one, owner=True) for one in [*shown, replace(shown[0], quiet_s=60.0)])) == []


@pytest.mark.usefixtures("every_text_marked")
@pytest.mark.parametrize("owner", [True, False])
def test_before_the_first_run_and_of_one_that_is_gone(run, owner):
    told = everything(None, owner) + visitor_html(owner) + schedule_chart()
    gone = [lost_html(RunsSnapshot(lost=run.id)), lost_html(RunsSnapshot(discarded=run.id))]
    damaged = pinned_html(snapshot(run, STARTED, pinned=PinnedImage("a", None)), owner)
    assert unmarked(told + "".join(gone) + damaged) == []


@pytest.mark.usefixtures("every_text_marked")
def test_in_lists_and_titles(run):
    finished, paused = snapshot(run, *LOGS["finished"]), snapshot(run, *LOGS["paused"])
    runs = RunsSnapshot(finished, (finished, paused))
    choices = [*run_choices(runs), *run_choices(RunsSnapshot()), *parent_choices(runs)]
    said = [*(label for label, _ in choices), tab_title(finished), announcement(finished, owner=True)]
    assert unmarked("".join(f"<p>{text}</p>" for text in said)) == []


@pytest.mark.usefixtures("every_text_marked")
@pytest.mark.parametrize("owner", [True, False])
@pytest.mark.parametrize("log", ["paused", "interrupted", "failed", "finished"])
def test_of_the_queue(run, log, owner):
    front = snapshot(run, *LOGS[log], title="A")
    planned = tuple(snapshot(run, place=(place, 2), title="B") for place in (1, 2))
    runs = [
        RunsSnapshot(front, (front, *planned)),
        RunsSnapshot(replace(front, exit=Exit(1, 0.0, began=False)), (front, *planned)),
        RunsSnapshot(live := snapshot(run, STARTED, alive=True, progress=Progress("training")), (live, *planned)),
    ]
    lists = [queue_html(one, owner, {run.id: 60.0}) for one in runs]
    cards = [status_html(planned[0], owner, "", busy) for busy in (True, False)]
    table = runs_table.table_html(runs[0], runs_table.NEWEST_FIRST)
    assert unmarked("".join([*lists, *cards, table])) == []


@pytest.mark.usefixtures("every_text_marked")
def test_of_the_table_and_the_comparison(run, tmp_path):
    other = RunStore(tmp_path).create(preset_config("article"))
    first = snapshot(run, *LOGS["finished"])
    config = replace(other.config(), start_from=f"run:{run.id}")
    second = snapshot(other, replace(STARTED, device="CPU, 1 thread"), METRIC, EPOCH, config=config)
    both = [(0, first), (1, second)]
    runs = RunsSnapshot(first, (first, second))
    table = [runs_table.table_html(one, runs_table.NEWEST_FIRST) for one in (RunsSnapshot(), runs)]
    compared = [comparison.curves_html(picked, ChartChoice(0.5)) for picked in ([], both)]
    differing = [comparison.differences_html(picked) for picked in (both, both[:1], [both[0], (1, first)])]
    assert unmarked("".join([*table, *compared, *differing])) == []


@pytest.mark.usefixtures("every_text_marked")
def test_of_the_form_and_the_plan():
    guesses = [
        Estimate(None, None, False, 0), Estimate(None, None, True), Estimate(None, 100.0, True),
        Estimate(60.0, 100.0, False), Estimate(60.0, 100.0, True, 5, least_s=30.0, most_s=90.0, is_busy=True),
    ]  # fmt: skip
    plans = [plan_html("", guess, {"CIFAR-10": 170 * 10**6}) for guess in guesses]
    plans.append(plan_html("", guesses[-1], {}, one_trains=True))
    changes, _, _ = changes_html({"epochs": 5, "flip": True}, {}).partition("<style>")
    form = [search_box(), details_html(FIELDS), changes, plan_placeholder()]
    assert unmarked("".join([*plans, *form])) == []


@pytest.mark.usefixtures("every_text_marked")
def test_of_a_recording(tmp_path):
    run = make_recording(tmp_path, "20261127-054743-recorded")
    recorded = snapshot(run, *run.view().metrics)
    recorded = replace(recorded, view=run.view(), pinned=PinnedImage(run.view().predictions[0].image, PINNED.image))
    assert unmarked(replay_html(recorded)) == []


def test_what_all_pages_share_is_told_in_english_whoever_asks_first(run):
    run.append(METRIC)
    run.events_path.write_text(run.events_path.read_text().replace('"step":10', '"step":"x"'))
    with in_language(CHINESE):
        (problem,) = Watcher(RunStore(run.path.parent)).snapshot().unreadable
    assert problem.startswith("1 line of the log of the run")

"""What a page shows of a run: the right word, the right buttons, a sentence that leads on, nothing unescaped."""

import shutil
import time
from concurrent.futures import Future
from dataclasses import replace
from html import unescape

import pytest
from filelock import FileLock

from resnet_demo.runs import event_log, events
from resnet_demo.runs import snapshot as snapshot_module
from resnet_demo.runs import text as run_text
from resnet_demo.runs.config import continued, preset_config
from resnet_demo.runs.deletion import delete_run
from resnet_demo.runs.fold import fold
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import RunsSnapshot, Watcher
from resnet_demo.runs.worker_files import DISCARD, PAUSE, Exit, Progress
from resnet_demo.ui.html.run_buttons import Controls, controls
from resnet_demo.ui.html.run_choices import parent_choices
from resnet_demo.ui.html.run_log import log_text
from resnet_demo.ui.html.run_sentence import announcement, run_sentence
from resnet_demo.ui.html.runs_table import NEWEST_FIRST, table_html
from resnet_demo.ui.html.status_card import MARKS, PAGE_TITLE, lost_html, share_done, status_html, tab_title
from resnet_demo.ui.html.visitors import visitor_html
from tests.support.snapshots import CONFIG, ENDED, METRIC, PLACE, changed, runs_snapshot, snapshot, started


@pytest.fixture
def run(tmp_path):
    return RunStore(tmp_path).create(preset_config("fast", epochs=8))


@pytest.mark.parametrize(
    ("log", "alive", "status", "live"),
    [
        ([], True, "starting", "pause stop discard"),
        ([started(), METRIC], True, "training", "pause stop discard"),
        ([started(), METRIC], False, "interrupted", "start resume discard"),
        ([started(), METRIC, events.RunPaused(**PLACE)], False, "paused", "start resume discard"),
        ([started(), ENDED["finished"]], False, "finished", "start"),
        ([started(), ENDED["stopped"]], False, "stopped", "start"),
        ([started(), ENDED["failed"]], False, "failed", "start resume discard"),
        ([started(), ENDED["failed"]], True, "training", "pause stop discard"),
    ],
)
def test_each_state_has_its_word_and_its_buttons(run, log, alive, status, live):
    seen = snapshot(run, log, alive)
    assert seen.status == status and status in MARKS
    can = controls(runs_snapshot(seen), seen, owner=True)
    assert " ".join(name for name, on in vars(can).items() if on) == live
    assert not any(vars(controls(runs_snapshot(seen), seen, owner=False)).values())


def test_a_run_that_is_being_started_is_not_called_interrupted(run, tmp_path):
    """Before its worker holds it, while that loads, and until its first step; a resumed one, too, of which an earlier
    worker has left its last progress."""
    store, watcher = RunStore(tmp_path), Watcher(RunStore(tmp_path))
    run.append(started())
    run.write_progress(Progress("training", 5, 20, step=5, time=time.time()))
    with FileLock(run.start_path):
        pressed = watcher.snapshot(now=True)
    with store.training(run):
        held = watcher.snapshot(now=True)
        run.write_progress(Progress("decoding", 5, 20, time=time.time()))
        loads = watcher.snapshot(now=True)
        run.write_progress(Progress("training", 6, 20, step=6, time=time.time()))
        assert watcher.snapshot(now=True).current.status == "training"
    for seen in (pressed, held, loads):
        assert seen.current.status == "starting" and seen.training
        can = controls(seen, seen.current, owner=True)
        assert not can.start and not can.resume and can.stop
        assert "gone" not in status_html(seen.current) and "◔ starting" in status_html(seen.current)
    assert "waiting for the training process" in run_sentence(pressed.current)
    assert watcher.snapshot(now=True).current.status == "interrupted"


@pytest.mark.parametrize(
    ("began", "words"), [(True, "with exit code 3."), (False, "with exit code 3 before it began.")]
)
def test_how_a_worker_ended_is_told_with_its_exit_code(run, tmp_path, began, words):
    run.append(started())
    run.log_path.write_text("No space for shared memory\n")
    run.write_exit(Exit(3, time.time(), began))
    told = run_sentence(Watcher(RunStore(tmp_path)).snapshot().current)
    assert f"The training process ended {words} Last log line: “No space for shared memory”." in told
    run.append(events.CheckpointSaved(**PLACE | {"time": time.time() + 60}))  # of a later worker, which nobody has seen
    assert "is gone" in run_sentence(Watcher(RunStore(tmp_path)).snapshot().current)


def test_a_worker_without_a_word_is_stalled_and_it_is_said_for_how_long(run, tmp_path):
    store, watcher = RunStore(tmp_path), Watcher(RunStore(tmp_path))
    with store.training(run):
        run.append(started())
        run.append(events.CheckpointSaved(**PLACE))
        told = Progress("training", 5, 20, step=5, images_per_s=160.0, process_id=4711, time=time.time() - 75)
        run.write_progress(told)
        stalled = watcher.snapshot(now=True)
        run.write_progress(replace(told, time=time.time() - 125))
        later = watcher.snapshot(now=True)
        run.write_progress(replace(told, time=time.time() - 75, images_per_s=None))  # compiles, perhaps
        assert watcher.snapshot(now=True).current.status == "training"
        run.write_progress(replace(told, time=time.time() - 75, images_per_s=10.0))  # ten steps take longer
        assert watcher.snapshot(now=True).current.status == "training"
    card = status_html(stalled.current)
    assert "△ stalled" in card and "The training process has not reported for 1 min." in card
    assert "end the process (number 4711)" in card and "Resume then goes on from step 10." in card
    assert "4711" not in status_html(stalled.current, owner=False)
    assert "for 2 min." in status_html(later.current) and "status" in changed(stalled, later)
    can = controls(stalled, stalled.current, owner=True)
    assert can.pause and can.stop and can.discard and not can.start and not can.resume


def test_a_failure_that_comes_again_is_not_resumed(run):
    diverged = events.RunEnded(**PLACE, outcome="failed", message="The loss is no number.", comes_again=True)
    seen = snapshot(run, [started(), diverged])
    can = controls(runs_snapshot(seen), seen, owner=True)
    assert seen.status == "failed" and not can.resume and can.discard and can.start


def test_a_stopped_run_can_go_on_while_its_state_is_kept(run, tmp_path):
    for event in (started(), events.CheckpointSaved(**PLACE), ENDED["stopped"]):
        run.append(event)
    run.state_path.touch()
    kept = Watcher(RunStore(tmp_path)).snapshot()
    assert kept.current.status == "stopped" and controls(kept, kept.current, owner=True).resume
    assert "Press Resume to go on" in run_sentence(kept.current)
    run.state_path.unlink()
    freed = Watcher(RunStore(tmp_path)).snapshot()
    assert not controls(freed, freed.current, owner=True).resume
    assert "Resume" not in run_sentence(freed.current)


def test_before_the_first_run_only_start_can_be_pressed():
    assert controls(RunsSnapshot(), None, owner=True) == Controls(True, False, False, False, False)


def test_the_card_says_where_the_run_is(run):
    progress = Progress("training", 5, 20, epoch=1, step=15, images_per_s=172.6, elapsed_s=250.0, remaining_s=3725.0)
    html = status_html(snapshot(run, [started(), METRIC], True, progress))
    for text in ("● training", "1 of 8", "15 of 40", "173 images/s", "4 min 10 s", "1 h 02 min", "37.5 %"):
        assert text in html


def test_a_request_is_acknowledged_before_the_worker_obeys(run):
    assert "Pausing" in run_sentence(snapshot(run, [started()], True, wanted=PAUSE))
    assert "Deleting" in run_sentence(snapshot(run, [started()], True, wanted=DISCARD))


def test_a_download_says_how_far_it_is(run):
    progress = Progress("downloading", 51_000_000, 170_498_071)
    downloading = snapshot(run, [], True, progress)
    spoken = status_html(downloading).split('aria-live="polite">')[1].split("</p>")[0]
    assert spoken == run_sentence(downloading) and "51" not in spoken  # else each count would be read out
    assert "51 of 170 MB" in status_html(downloading)


def test_an_interrupted_run_says_from_where_it_resumes(run):
    saved = events.CheckpointSaved(**PLACE)
    assert "step 10" in run_sentence(snapshot(run, [started(), saved, METRIC]))
    assert "from the beginning" in run_sentence(snapshot(run, [started()]))


def test_an_interrupted_runs_last_words_are_told_to_its_owner_alone(run, tmp_path):
    run.append(METRIC)
    run.log_path.write_text(f"{events.to_line(METRIC)}\nOut of memory: <b>killed</b> 4711\n")
    seen = Watcher(RunStore(tmp_path)).snapshot().current
    assert seen.status == "interrupted"
    assert "is gone. Last log line: “Out of memory: &lt;b&gt;killed&lt;/b&gt; 4711”." in status_html(seen)
    assert "4711" not in status_html(seen, owner=False) + announcement(seen, owner=False)
    assert "is gone. Its owner can let it go on" in run_sentence(seen, owner=False)


def test_what_a_log_says_is_escaped(run):
    failed = snapshot(run, [started(), ENDED["failed"]])
    html = status_html(failed)
    assert "A &lt;b&gt;reason&lt;/b&gt;." in html and "<b>reason" not in html


def test_a_gap_in_the_curves_is_told(run):
    every = run.config().log_every_steps
    points = [replace(METRIC, step=every * count) for count in (1, 2, 5, 6)]
    text = log_text(snapshot(run, [started(), *points]))
    assert f"lack the points between steps {2 * every} and {5 * every};" in text
    assert "lack the points" not in log_text(snapshot(run, [started(), *points[:2]]))


def test_a_visitor_is_not_told_what_a_failure_says_of_the_server(run):
    failed = snapshot(run, [started(), ENDED["failed"]])
    assert "reason" in run_sentence(failed) and "reason" in log_text(failed)
    for text in (run_sentence(failed, owner=False), log_text(failed, owner=False)):
        assert "reason" not in text and text
    assert "its owner is told" in status_html(failed, owner=False)
    warned = snapshot(run, [replace(started(), warnings=("/home/me/data is full.",))])
    assert "/home/me" in log_text(warned) and "/home/me" not in log_text(warned, owner=False)


def test_while_one_trains_another_run_cannot_be_resumed(run, tmp_path):
    trains = snapshot(run, [started()], alive=True)
    waits = snapshot(RunStore(tmp_path).create(preset_config("tour")), [started(), events.RunPaused(**PLACE)])
    can = controls(RunsSnapshot(trains, (trains, waits)), waits, owner=True)
    assert can == Controls(start=False, pause=False, resume=False, stop=False, discard=True)  # all of `waits`
    assert controls(RunsSnapshot(waits, (waits,)), waits, owner=True).resume


def test_a_run_that_is_deleted_while_it_trains_is_told_until_another_trains(run, tmp_path):
    store, watcher = RunStore(tmp_path), Watcher(RunStore(tmp_path))
    with run.lock:
        seen = [watcher.snapshot(now=True)]
        shutil.rmtree(run.path)
        seen += [watcher.snapshot(now=True), watcher.snapshot(now=True)]
    assert [runs.lost for runs in seen] == ["", run.id, run.id] and "states" in changed(*seen[:2])
    told = lost_html(seen[1])
    assert f"The run of {run_text.started(run.id)} is gone: its folder was deleted while it trained." in told
    other = store.create(CONFIG)
    waiting = watcher.snapshot(now=True)
    assert waiting.lost == run.id and waiting.current.run == other
    with other.lock:
        assert watcher.snapshot(now=True).lost == "" == lost_html(watcher.snapshot())


@pytest.mark.parametrize("asked", [True, False], ids=["a snapshot sees what is asked", "the worker is quicker"])
def test_a_run_that_is_discarded_while_it_trains_is_no_accident(run, tmp_path, asked):
    store, watcher = RunStore(tmp_path), Watcher(RunStore(tmp_path))
    with run.lock:
        watcher.snapshot(now=True)
        if asked:
            run.request(DISCARD)
            watcher.snapshot(now=True)
        delete_run(store, run)
    seen = watcher.snapshot(now=True)
    assert (seen.lost, seen.discarded) == ("", run.id)
    assert "was deleted" in lost_html(seen) and "gone" not in lost_html(seen)


def test_a_run_of_a_newer_version_does_not_hide_the_others(run, tmp_path):
    other = RunStore(tmp_path).create(preset_config("tour"))
    (other.path / "config.json").write_text('{"config": {"warp": 9}}')
    seen = Watcher(RunStore(tmp_path)).snapshot()
    assert [snapshot.run for snapshot in seen.runs] == [run]
    assert "cannot be opened. This version knows no setting" in table_html(seen, NEWEST_FIRST)


def test_nobody_waits_for_a_long_log(run, tmp_path, monkeypatch):
    """Until it is folded a snapshot tells from its two ends how the run stands; and another run is all there."""
    monkeypatch.setattr(snapshot_module, "SLOW_BYTES", 1000)
    monkeypatch.setattr(event_log, "END_BYTES", 800)
    work = []
    store, watcher = RunStore(tmp_path), Watcher(RunStore(tmp_path))
    monkeypatch.setattr(watcher, "_in_background", lambda fold: work.append((fold, Future())) or work[-1][1])
    other = store.create(CONFIG)
    other.append(METRIC)
    for event in (started(), *(replace(METRIC, step=step) for step in range(10, 500, 10)), ENDED["finished"]):
        run.append(event)
    first = watcher.snapshot(now=True)
    glimpse, whole = first.shown(run.id), first.shown(other.id)
    assert glimpse.status == "finished" and glimpse.is_partial and glimpse.view.started
    assert len(glimpse.view.metrics) < 10 and len(whole.view.metrics) == 1 and not whole.is_partial
    assert "still being read" in log_text(glimpse)
    ((fold, future),) = work
    fold()
    future.set_result(None)
    second = watcher.snapshot(now=True)
    assert len(second.shown(run.id).view.metrics) == 49 and not second.shown(run.id).is_partial
    assert first.version_of(glimpse).points != second.version_of(second.shown(run.id)).points and len(work) == 1


@pytest.mark.parametrize(
    ("log", "alive", "title"),
    [
        ([started(), METRIC], True, "25 % · ResNet-50, opened"),
        ([], True, "Starting · ResNet-50, opened"),
        ([started(), ENDED["finished"]], False, "Done · ResNet-50, opened"),
        ([started(), ENDED["failed"]], False, "Failed · ResNet-50, opened"),
        ([started(), events.RunPaused(**PLACE)], False, "Paused · ResNet-50, opened"),
    ],
)
def test_the_tabs_title_says_how_far_the_run_is(run, log, alive, title):
    seen = snapshot(run, log, alive)
    assert tab_title(seen) == title and f'data-title="{title}"' in status_html(seen)


def test_a_download_is_not_taken_for_the_run(run):
    downloading = snapshot(run, [], alive=True, progress=Progress("downloading", 102 * 10**6, 170 * 10**6))
    assert share_done(downloading) is None and tab_title(downloading).startswith("Starting")
    card = status_html(downloading)
    assert 'aria-label="share of downloading that is done"' in card and "width:60.00%" in card
    assert f'data-title="{PAGE_TITLE}"' in status_html(None)  # so that a discarded run's share goes


def test_a_run_that_rests_says_whether_anything_is_saved(run):
    saved = events.CheckpointSaved(**PLACE)
    rests = [snapshot(run, [started(), *kept, events.RunPaused(**PLACE)]) for kept in ([], [saved])]
    assert ["before anything was saved" in run_sentence(seen) for seen in rests] == [True, False]


def test_nobody_is_told_to_press_what_is_off(run):
    rests = snapshot(run, [started(), events.CheckpointSaved(**PLACE), events.RunPaused(**PLACE)])
    assert "Press Resume to go on from the very step." in status_html(rests)
    assert "Press" not in status_html(rests, owner=False) + status_html(None, owner=False)
    waits = status_html(rests, busy=True)
    assert "Press" not in waits and "Another run is training; once that has ended" in waits
    assert "owner's link" in unescape(visitor_html(owner=False)) and not visitor_html(owner=True)


def test_what_is_announced_is_escaped_and_keeps_secrets(run):
    failed = snapshot(run, [started(), ENDED["failed"]])
    assert "A &lt;b&gt;reason&lt;/b&gt;." in announcement(failed, owner=True)
    assert "reason" not in announcement(failed, owner=False)


def test_runs_with_weights_can_be_started_from_and_are_named(tmp_path):
    store = RunStore(tmp_path)
    saved, unsaved = store.create(preset_config("tour"), name="20261124-101500-resnet50-digits"), store.create(CONFIG)
    both = (snapshot(saved, [started(), events.CheckpointSaved(**PLACE)]), snapshot(unsaved, [started()]))
    seen = RunsSnapshot(None, both)
    assert parent_choices(seen) == [
        ("24 Nov 2026, 10:15, resnet50 on handwritten digits", "run:20261124-101500-resnet50-digits")
    ]
    child = Snapshot(unsaved, continued(CONFIG, saved.id, 3), fold([]), True, None, "run")
    assert seen.parent_name(child) == "24 Nov 2026, 10:15"
    mother = replace(seen.runs[0], title="<Mother>")
    card = status_html(child, parent=RunsSnapshot(None, (mother, child)).parent_name(child))
    assert ", from the run “&lt;Mother&gt;”<" in card
    assert seen.parent_name(seen.runs[0]) == "" and "from the run" not in status_html(seen.runs[0])

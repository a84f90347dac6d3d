"""The run directory: whoever trains writes it, whoever looks reads it, and a held lock is a living worker."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from resnet_demo import files
from resnet_demo.files import read_json, remove_unfinished, replace_file, replace_json
from resnet_demo.runs import evaluation, events
from resnet_demo.runs.deletion import delete_run, discard_unborn
from resnet_demo.runs.directory import TITLE_MAX, WRITTEN_BY_THE_PAGE, RunDirectory, RunError
from resnet_demo.runs.measured import BlockAblation, LossLandscape
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Watcher
from resnet_demo.runs.worker_files import DISCARD, PAUSE, RUN, STOP, Progress, is_held
from tests.support.checkpoints import INFO, make_run
from tests.support.locks import hold

PLACE = {"time": 1.0, "epoch": 1, "step": 3, "images_seen": 48, "elapsed_s": 2.0}


def test_a_run_reads_back_as_it_was_made(store, run, tiny_config):
    assert store.get(run.id).config() == tiny_config
    assert store.runs() == [run]
    assert run.id.endswith("-resnet18-digits")


def test_two_runs_of_one_second_get_two_folders_newest_first(store, tiny_config):
    made = [store.create(tiny_config), store.create(tiny_config), store.create(tiny_config, name="mine")]
    made.append(store.create(tiny_config))
    assert len({run.id for run in made}) == 4
    assert store.runs() == made[::-1]


def test_runs_made_at_one_moment_never_share_a_folder(store, tiny_config):
    with ThreadPoolExecutor(8) as makers:
        made = list(makers.map(lambda _: store.create(tiny_config), range(40)))
    assert len({run.path for run in made}) == 40


def test_a_named_run_takes_an_empty_folder_and_leaves_another_alone(store, tiny_config):
    (store.folder / "empty").mkdir(parents=True)
    assert store.create(tiny_config, name="empty").id == "empty"
    (store.folder / "notes").mkdir()
    (store.folder / "notes" / "a.txt").touch()
    with pytest.raises(RunError, match="is there and is no run"):
        store.create(tiny_config, name="notes")


def test_a_run_that_never_said_a_word_is_discarded_and_another_is_not(store, run, tiny_config):
    spoken = store.create(tiny_config)
    spoken.append(events.RunPaused(**PLACE))
    loading = store.create(tiny_config)  # killed while it downloaded: its title and its image are worth something
    loading.write_config(tiny_config, device="CPU")
    for refused in (run, spoken, loading):
        discard_unborn(store, refused)
    assert store.runs() == [loading, spoken]


def test_a_folder_that_is_no_run_is_not_listed(store, run):
    (store.folder / "notes").mkdir()
    (store.folder / ".gitkeep").touch()
    assert store.runs() == [run]


def test_a_folder_that_may_not_be_entered_is_not_listed(store, run, monkeypatch):
    """As root, which tests may run as, one may enter every folder."""
    (store.folder / "lost+found").mkdir()
    is_file = Path.is_file

    def refused(path):
        if path.parent.name == "lost+found":
            raise PermissionError(13, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refused)
    assert store.runs() == [run]


def test_a_link_that_leads_nowhere_does_not_hide_the_runs(store, run, monkeypatch):
    (store.folder / "itself").symlink_to(store.folder / "itself")
    assert store.runs() == [run] and Watcher(store).snapshot().current.run == run
    assert not RunDirectory.at(store.folder / "itself").exists()


def test_a_config_that_may_not_be_read_is_a_sentence(run, monkeypatch):
    def refused(path, **_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "open_regular", refused)
    with pytest.raises(RunError, match=r"no readable config\.json"):
        run.config()


@pytest.mark.parametrize("name", ["../runs", "..", ".", "", "/etc", "a/b", "a\\b", ".training.lock", "nothing"])
def test_only_the_id_of_a_run_opens_one(store, run, name):
    with pytest.raises(RunError, match="no such run"):
        store.get(name)


def test_a_damaged_config_is_a_sentence(run):
    (run.path / "config.json").write_text('{"config": {"epo')
    with pytest.raises(RunError, match=r"no readable config\.json"):
        run.config()


def test_a_config_of_a_newer_version_is_a_sentence(run, tiny_config):
    replace_json(run.path / "config.json", {"config": {**tiny_config.to_dict(), "warp": 9}})
    with pytest.raises(RunError, match="update resnet_demo"):
        run.config()


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path, tiny_config):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="choose another folder with --runs"):
        RunStore(tmp_path / "file" / "runs").create(tiny_config)


def test_events_are_followed_as_the_log_grows(run):
    first, second = events.RunPaused(**PLACE), events.RunResumed(**PLACE)
    run.append(first)
    assert run.events() == [first]
    run.append(second)
    assert run.events() == [first, second]


def test_a_cut_last_line_is_tolerated_and_stays_alone(run):
    first, second = events.RunPaused(**PLACE), events.RunResumed(**PLACE)
    run.append(first)
    with run.events_path.open("a") as log:
        log.write('{"event":"RunEn')
    assert run.events() == [first]
    run.append(second)
    assert run.events() == [first, second]


def test_progress_and_control_read_back_and_damage_is_none(run):
    assert run.progress() is None and run.wanted() == RUN
    run.write_progress(Progress("training", 3, 9, epoch=1, step=3))
    run.request(PAUSE)
    assert run.progress() == Progress("training", 3, 9, epoch=1, step=3) and run.wanted() == PAUSE
    (run.path / "progress.json").write_text('{"phase": "tra')
    (run.path / "control.json").write_bytes(b"\xff\xfe")
    assert run.progress() is None and run.wanted() == RUN
    run.request("dance")
    assert run.wanted() == RUN


@pytest.mark.parametrize(
    ("asked", "then", "wanted"),
    [
        (RUN, PAUSE, PAUSE),
        (PAUSE, STOP, STOP),
        (STOP, PAUSE, STOP),
        (DISCARD, PAUSE, DISCARD),
        (DISCARD, STOP, DISCARD),
    ],
)
def test_what_is_asked_later_takes_back_no_more_than_it_is(run, asked, then, wanted):
    run.request(asked)
    run.ask(then)
    assert run.wanted() == wanted


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail_halfway(temporary):
        temporary.write_text("ne")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        replace_file(path, fail_halfway)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("failing", "is_planned"), [("write_config", False), ("write_config", True), ("write_order", False)]
)
def test_a_run_whose_files_cannot_be_written_leaves_nothing(store, tiny_config, monkeypatch, failing, is_planned):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunDirectory, failing, fail)
    with pytest.raises(RunError, match="No space left"):
        store.create(tiny_config, is_planned=is_planned)
    assert list(store.folders()) == []
    assert not is_planned or read_json(store.folder / "queue.json") == {"runs": []}


@pytest.mark.parametrize("name", [".resume.pt.123.part", ".tmpA1b2C3", "epochs/.tmpA1b2C3"])
def test_what_a_killed_writer_left_is_removed(run, name):
    """Ours, and what safetensors writes beside a file before it is whole."""
    left = run.path / name
    left.parent.mkdir(exist_ok=True)
    left.write_text("half")
    remove_unfinished(run.path)
    assert not left.exists() and run.exists()


def test_what_the_page_is_writing_is_left_to_it_by_a_starting_worker(run):
    names = (evaluation.FILE_NAME, BlockAblation.FILE_NAME, LossLandscape.FILE_NAME, "exit.json", "control.json")
    written = [run.path / f".{name}.123.456.part" for name in names]
    for path in written:
        path.write_text("half")
    remove_unfinished(run.path, but=WRITTEN_BY_THE_PAGE)
    assert all(path.exists() for path in written)


def test_alive_is_as_long_as_the_process(run):
    assert not run.is_alive()
    child = hold(run.path / "worker.lock")
    assert run.is_alive()
    child.kill()
    child.wait()
    assert not run.is_alive()


def test_a_second_training_is_refused_by_the_name_of_the_first(store, run, tiny_config, monkeypatch):
    monkeypatch.setattr("resnet_demo.runs.store.LOCK_TIMEOUT_S", 0.2)
    second = store.create(tiny_config)
    child = hold(store.folder / ".training.lock", run.path / "worker.lock")
    try:
        assert store.active() == run
        with pytest.raises(RunError, match=f"'{run.id}' is training in this folder already"), store.training(second):
            pytest.fail("two trainings at once")
    finally:
        child.kill()
        child.wait()
    assert store.active() is None
    with store.training(second):
        assert is_held(second.path / "worker.lock")


def test_a_second_start_by_a_link_takes_back_nothing_that_was_asked(store, run, tmp_path, monkeypatch):
    """A link trains under the lock of the folder that lists it."""
    monkeypatch.setattr("resnet_demo.runs.store.LOCK_TIMEOUT_S", 0.2)
    elsewhere = RunStore(tmp_path / "elsewhere")
    elsewhere.folder.mkdir()
    (elsewhere.folder / "link").symlink_to(run.path)
    child = hold(run.path / "worker.lock")
    run.request(STOP)
    run.write_progress(Progress("training"))
    try:
        with pytest.raises(RunError, match="is training"), elsewhere.training(RunDirectory(elsewhere.folder / "link")):
            pytest.fail("two trainings at once")
    finally:
        child.kill()
        child.wait()
    assert run.wanted() == STOP and run.progress()


def test_no_model_is_the_latest_before_one_is_saved(store, run):
    assert store.latest_model() is None
    run.model_path.write_bytes(b"not a checkpoint")
    assert store.latest_model() is None


def checkpoint(store, name, accuracy):
    run = make_run(store, name, replace(INFO, accuracy=accuracy))
    store.put_last(run)
    run.append(events.CheckpointSaved(**PLACE))
    return run


def test_the_checkpoint_that_answers_is_the_one_trained_last_whose_accuracy_is_measured(store, tmp_path):
    """Not one of step 1 of a training that has just begun; in a copy, whose files have other times, the same; and
    whatever the clock said."""
    first, last, begun = checkpoint(store, "b", 0.5), checkpoint(store, "a", 0.4), checkpoint(store, "c", None)
    assert store.latest_model() == last and Watcher(store).snapshot().newest_checkpoint().run == last
    copy = RunStore(tmp_path / "copy")
    for run in (begun, last, first):
        shutil.copytree(run.path, copy.folder / run.id, copy_function=shutil.copyfile)
    assert copy.latest_model().id == last.id
    copy.put_last(copy.get(first.id))
    copy.get(first.id).append(events.CheckpointSaved(**PLACE | {"time": 0.5}))  # the clock was put back
    assert copy.latest_model().id == first.id == Watcher(copy).snapshot().newest_checkpoint().run.id


def test_of_checkpoints_of_before_the_log_says_which_is_the_newest(store):
    """They have no number, and their files may have any time."""
    newer, older = checkpoint(store, "a", 0.5), checkpoint(store, "b", 0.5)
    newer.append(events.CheckpointSaved(**PLACE | {"time": 2.0}))
    for run in (newer, older):
        (run.path / "order.json").unlink()
    assert store.latest_model() == newer == Watcher(store).snapshot().newest_checkpoint().run


def test_a_run_deleted_while_it_is_looked_at_reads_as_empty(run):
    opened = RunDirectory(run.path)
    for path in run.path.iterdir():
        path.unlink()
    run.path.rmdir()
    assert opened.events() == [] and opened.progress() is None and opened.log_tail() == "" and not opened.is_alive()


def test_weights_that_a_person_has_put_beside_are_no_epochs(run):
    run.epochs_path.mkdir()
    for name in ("0003", "0003 copy", "12", "best", "10000"):
        (run.epochs_path / f"{name}.safetensors").touch()
    assert run.saved_epochs() == [3, 10000]


def test_a_title_is_kept_trimmed_and_taken_away(store, run):
    assert run.title() == ""
    run.rename("  Wide stem, ½ rate: try №2/../x  ")
    assert store.get(run.id).title() == "Wide stem, ½ rate: try №2/../x" and store.runs() == [run]
    run.write_config(run.config())  # as a worker does when it starts
    assert run.title() != ""
    run.rename(" ")
    assert run.title() == ""


@pytest.mark.parametrize("title", ["two\nlines", "tab\tin it", "bell\a", "turned \u202e around", "x" * (TITLE_MAX + 1)])
def test_a_title_is_one_line_of_text(run, title):
    run.rename("old")
    with pytest.raises(RunError, match="A title"):
        run.rename(title)
    assert run.title() == "old"
    replace_json(run.path / "title.json", {"title": title})  # by hand
    assert run.title() == ""


def test_a_run_that_is_gone_cannot_be_renamed(store, run):
    delete_run(store, run)
    with pytest.raises(RunError, match="could not be renamed"):
        run.rename("late")
    assert not run.path.exists()


def test_the_size_is_that_of_all_files(run):
    before = run.size_bytes()
    assert before == sum(path.stat().st_size for path in run.path.iterdir())
    run.epochs_path.mkdir()
    run.epoch_path(1).write_bytes(b"x" * 1000)
    (run.path / "gone").symlink_to(run.path / "nowhere")
    assert 1000 <= run.size_bytes() - before < 2000
    assert RunDirectory(run.path / "nowhere").size_bytes() == 0

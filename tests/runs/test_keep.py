"""Runs are kept where their disk is not: on a folder that takes new files alone."""

import os
import shutil

import pytest
from filelock import FileLock

from resnet_demo.files import replace_json
from resnet_demo.runs.deletion import delete_run
from resnet_demo.runs.directory import RunError
from resnet_demo.runs.keep import Keep, KeepError
from resnet_demo.runs.lasting import FILES, lasting_files
from resnet_demo.runs.store import RunStore
from tests.support.bucket import make_bucket


@pytest.fixture
def keep(tmp_path, monkeypatch):
    monkeypatch.setenv("RESNET_DEMO_KEEP", str(tmp_path / "bucket"))
    make_bucket(tmp_path / "bucket", monkeypatch)
    return Keep.of_environment()


def write(run, **files):
    for name, text in files.items():
        (run.path / name.replace("__", ".")).write_text(text)


def contents(run):
    return {path.relative_to(run.path).as_posix(): path.read_bytes() for path in run.path.rglob("*") if path.is_file()}


def kept(keep, run):
    home = keep.folder / run.id
    return {path.name for path in home.iterdir()} if home.exists() else set()


def lose(store):
    shutil.rmtree(store.folder)


def test_the_bucket_of_the_tests_refuses_what_a_bucket_refuses(keep):
    file, other = keep.folder / "file", keep.folder / "other"
    for path in (file, other):
        path.write_text("new")
    with pytest.raises(OSError, match="cannot be written"):
        file.open("a")
    with pytest.raises(OSError, match="moved over"):
        file.replace(other)
    with pytest.raises(OSError):
        FileLock(keep.folder / "lock").acquire(timeout=0)
    with pytest.raises(OSError):
        replace_json(file, {})


def test_a_run_comes_back_as_its_last_save_was(run, store, keep):
    run.epochs_path.mkdir()
    write(run, events__jsonl="one\n", resume__pt="a state", worker__log="noise", title__json='{"title": "mine"}')
    run.epoch_path(1).write_text("weights")
    keep.save(run)
    write(run, events__jsonl="one\ntwo\n", resume__pt="a later state")
    keep.save(run)
    saved = contents(run)
    changed_at = run.events_path.stat().st_mtime_ns
    write(run, resume__pt="after the save")
    lose(store)
    assert keep.restore(store.folder) == [run.id]
    del saved["worker.log"]
    assert contents(run) == saved and run.events_path.stat().st_mtime_ns == changed_at
    assert keep.restore(store.folder) == []


def test_each_file_of_a_run_comes_back(run, store, keep):
    run.epochs_path.mkdir()
    paths = [*(run.path / name for name in FILES), run.epoch_path(3)]
    for path in paths:
        if not path.exists():
            path.write_text(path.name)
    assert set(lasting_files(run)) == set(paths)
    keep.save(run)
    lose(store)
    assert keep.restore(store.folder) == [run.id] and set(lasting_files(run)) == set(paths)


def test_the_weights_that_a_run_starts_from_are_kept_until_it_has_saved_its_own(run, store, keep):
    write(run, first_weights__safetensors="large")
    keep.save(run)
    lose(store)
    assert keep.restore(store.folder) == [run.id] and run.first_weights_path.read_text() == "large"
    for _ in range(2):  # the save before stays until the next
        write(run, resume__pt="a state")
        keep.save(run)
    assert not any(name.startswith("first_weights") for name in kept(keep, run))


def test_what_has_not_changed_is_not_copied_again_and_old_copies_go(run, store, keep):
    run.epochs_path.mkdir()
    run.epoch_path(1).write_text("weights")
    copied = []
    for number in range(5):
        write(run, resume__pt=f"state {number}")
        os.utime(run.state_path, ns=(number, number))
        before = kept(keep, run)
        keep.save(run)
        copied.append(kept(keep, run) - before)
    assert {name.partition(".")[0] for name in copied[-1]} == {"resume", "00000005"}
    names = sorted(kept(keep, run))
    assert [name for name in names if name.endswith(".save.json")] == ["00000004.save.json", "00000005.save.json"]
    assert sum(name.startswith("resume.pt") for name in names) == 2
    lose(store)
    keep.restore(store.folder)
    keep.save(run)
    assert len(kept(keep, run)) == len(names) - 1  # restored files are known by their times


def test_a_save_that_is_not_whole_is_passed_over(run, store, keep):
    write(run, resume__pt="first")
    keep.save(run)
    write(run, resume__pt="the second")
    keep.save(run)
    newest = next((keep.folder / run.id).glob("resume.pt.*-10"))
    newest.unlink()
    newest.write_text("cut")
    lose(store)
    assert keep.restore(store.folder) == [run.id] and run.state_path.read_text() == "first"


@pytest.mark.parametrize("name", ["../../escaped.json", "/tmp/x.json", "worker.lock", "epochs/../x.json"])
def test_a_save_that_names_other_files_is_not_taken(run, store, keep, name, tmp_path):
    keep.save(run)
    home = keep.folder / run.id
    version = next(home.glob("config.json.*")).name
    (home / "00000002.save.json").write_text(f'{{"files": {{"config.json": "{version}", "{name}": "{version}"}}}}')
    lose(store)
    assert keep.restore(store.folder) == [run.id]  # from the save before
    assert set(contents(run)) == {"config.json", "order.json"}
    assert not list(tmp_path.rglob("escaped.json"))


def test_a_delete_takes_nothing_of_what_is_being_restored(run, store, keep, tiny_config, monkeypatch):
    other = store.create(tiny_config)
    keep.save(run)
    shutil.rmtree(run.path)
    copy_to = keep.copy_to

    def copied(name, aside):
        copied_whole = copy_to(name, aside)
        if other.exists():
            delete_run(store, other)
        return copied_whole

    monkeypatch.setattr(keep, "copy_to", copied)
    assert keep.restore(store.folder) == [run.id] and store.runs() == [run]


def test_a_deleted_run_stays_away(run, store, keep):
    keep.save(run)
    delete_run(store, run)
    assert keep.restore(store.folder) == [] and keep.run_ids() == []


def test_a_run_whose_delete_was_killed_stays_away(run, store, keep, monkeypatch):
    def kill(*_):
        raise KeyboardInterrupt

    keep.save(run)
    monkeypatch.setattr("resnet_demo.runs.deletion.replace_json", kill)  # the first that follows the run's going
    with pytest.raises(KeyboardInterrupt):
        delete_run(store, run)
    assert keep.restore(store.folder) == [] and store.runs() == []


def test_a_copy_that_breaks_off_leaves_the_save_before(run, store, keep, monkeypatch):
    write(run, resume__pt="first")
    keep.save(run)
    write(run, resume__pt="second, cut")

    def full(file, copy, _):
        copy.write(file.read(3))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError):
        patch.setattr(shutil, "copyfileobj", full)
        keep.save(run)
    assert not list((keep.folder / run.id).glob(".*"))
    lose(store)
    keep.restore(store.folder)
    assert run.state_path.read_text() == "first"


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path, store):
    with pytest.raises(KeepError, match=r"RESNET_DEMO_KEEP names .* Mount a folder there"):
        Keep(tmp_path / "none").check()
    with pytest.raises(RunError, match="could not be restored"):
        Keep(tmp_path / "none").restore(store.folder)


def test_runs_that_are_here_are_left_as_they_are(run, store, keep, tmp_path):
    keep.save(run)
    write(run, resume__pt="newer")
    assert keep.restore(store.folder) == [] and run.state_path.read_text() == "newer"
    other = RunStore(tmp_path / "elsewhere")
    assert keep.restore(other.folder) == [run.id] and other.get(run.id).config() == run.config()

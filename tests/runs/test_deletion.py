"""Deleting a run takes that run alone, and never one that lives."""

import pytest

from resnet_demo.runs import events
from resnet_demo.runs.deletion import delete_resume_state, delete_run, deleted_ids
from resnet_demo.runs.directory import RunDirectory, RunError
from resnet_demo.runs.store import RunStore
from tests.support.locks import hold

PLACE = {"time": 1.0, "epoch": 1, "step": 3, "images_seen": 48, "elapsed_s": 2.0}


def test_deleting_removes_one_run_and_what_a_killed_delete_has_left(store, run, tiny_config):
    other = store.create(tiny_config)
    left = store.folder / ".deleted-x-1"
    run.path.rename(left)
    assert store.runs() == [other]
    kept = store.create(tiny_config)
    delete_run(store, other)
    assert store.runs() == [kept] and list(store.folder.glob("[!.]*")) == [kept.path]
    assert deleted_ids(store) == [other.id] and not left.exists()
    with pytest.raises(RunError, match="no such run"):
        delete_run(store, other)


def test_a_living_run_is_not_deleted(store, run):
    child = hold(run.path / "worker.lock")
    try:
        with pytest.raises(RunError, match="is training"):
            delete_run(store, run)
    finally:
        child.kill()
        child.wait()
    assert run.exists()
    delete_run(store, run)
    assert not run.path.exists()


def test_the_resume_state_of_a_run_is_deleted_only_once_it_is_over(store, run):
    run.state_path.write_bytes(b"x" * 1000)
    for last in (events.RunPaused(**PLACE), events.RunEnded(**PLACE, outcome="failed")):
        run.append(last)
        with pytest.raises(RunError, match="has not ended"):
            delete_resume_state(run)
    run.append(events.RunEnded(**PLACE, outcome="stopped"))
    child = hold(run.path / "worker.lock")
    try:
        with pytest.raises(RunError, match="is training"):
            delete_resume_state(run)
    finally:
        child.kill()
        child.wait()
    assert run.resume_state_bytes() == 1000 and run.can_resume(run.view())
    assert delete_resume_state(run) == 1000
    assert run.resume_state_bytes() == 0 and not run.can_resume(run.view()) and run.view().ended.outcome == "stopped"
    with pytest.raises(RunError, match="nothing to free"):
        delete_resume_state(run)


def test_only_a_run_of_the_folder_is_deleted(store, run, tmp_path, tiny_config):
    elsewhere = RunStore(tmp_path / "elsewhere").create(tiny_config, name="mine")
    with pytest.raises(RunError, match="no such run"):
        delete_run(store, elsewhere)
    for name in ("..", ".", "../elsewhere/mine"):
        with pytest.raises(RunError, match="no such run"):
            delete_run(store, RunDirectory(store.folder / name))
    (store.folder / "linked").symlink_to(elsewhere.path)
    with pytest.raises(RunError, match="is a link"):
        delete_run(store, RunDirectory(store.folder / "linked"))
    assert elsewhere.exists() and run.exists()

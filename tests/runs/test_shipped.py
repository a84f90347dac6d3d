"""Runs that come with the project: listed after one's own, answered from, and never changed."""

from dataclasses import replace

import pytest
from PIL import Image

from resnet_demo.cli.main import main
from resnet_demo.language import CHINESE, in_language
from resnet_demo.runs import directory
from resnet_demo.runs.deletion import delete_run
from resnet_demo.runs.directory import SHIPPED, RunError
from resnet_demo.runs.evaluation import load_evaluation
from resnet_demo.runs.measured import BlockAblation
from resnet_demo.runs.metrics import expected_calibration_error
from resnet_demo.runs.pinned import pin, unpin
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.text import calibration_text, name_of
from resnet_demo.runs.watcher import NEWEST, Watcher
from tests.support.checkpoints import DIGITS, INFO, make_run


@pytest.fixture
def store(tmp_path):
    """Own runs in one folder, beside a shipped one called 'gift'."""
    make_run(RunStore(tmp_path / "shipped"), "gift", DIGITS)
    return RunStore(tmp_path / "runs", tmp_path / "shipped")


def test_shipped_runs_come_after_ones_own(store):
    assert [run.id for run in store.all_runs()] == ["gift"]
    assert store.runs() == []
    make_run(store, "mine")
    assert [(run.id, run.is_shipped) for run in store.all_runs()] == [("mine", False), ("gift", True)]
    assert store.get("gift").model_info() == DIGITS


def test_an_own_run_of_the_same_name_stands_for_itself(store):
    make_run(store, "gift", INFO)
    assert [(run.id, run.is_shipped) for run in store.all_runs()] == [("gift", False)]
    assert store.get("gift").model_info() == INFO


def test_a_shipped_checkpoint_answers_until_there_is_one_of_ones_own(store):
    assert store.latest_model().id == "gift"
    make_run(store, "mine", replace(INFO, accuracy=None))
    assert store.latest_model().id == "mine"


def test_the_page_shows_the_shipped_run_first_where_there_is_no_other(store):
    watcher = Watcher(store)
    assert watcher.snapshot().shown(NEWEST).run.is_shipped
    assert watcher.snapshot().newest_checkpoint().run.id == "gift"
    make_run(store, "mine", replace(INFO, accuracy=None))
    snapshot = watcher.snapshot(now=True)
    assert snapshot.shown(NEWEST).run.id == snapshot.newest_checkpoint().run.id == store.latest_model().id == "mine"


def test_a_shipped_run_is_never_changed(store):
    gift = store.get("gift")
    before = {path.name: path.read_bytes() for path in gift.path.iterdir()}
    for change in (
        lambda: delete_run(store, gift),
        lambda: gift.rename("mine"),
        lambda: pin(gift, Image.new("RGB", (32, 32))),
        lambda: unpin(gift),
    ):
        with pytest.raises(RunError, match="came with resnet_demo"):
            change()
    assert {path.name: path.read_bytes() for path in gift.path.iterdir()} == before


def test_what_answers_first_is_the_best_that_knows_photographs(tmp_path):
    """However many small runs come along later."""
    store = RunStore(tmp_path, SHIPPED)
    best = max((info.accuracy, run.id) for run, info in store.checkpoints() if info.data.startswith("folder:"))
    assert best[1].endswith("-resnet50-folder") and store.latest_model().id == best[1]
    snapshot = Watcher(store).snapshot()
    assert snapshot.newest_checkpoint() is snapshot.current and snapshot.current.run.id == best[1]


@pytest.mark.parametrize("at", ["shipped/gift", "link/gift", "shipped/../shipped/gift", "gift"])
def test_a_shipped_run_that_is_named_by_its_path_is_not_changed_either(store, tmp_path, monkeypatch, capsys, at):
    monkeypatch.setattr(directory, "SHIPPED", store.shipped)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(store.shipped)
    (tmp_path / "gift").symlink_to(store.shipped / "gift")
    gift = store.get("gift")
    before = {path.name: path.read_bytes() for path in gift.path.iterdir()}
    for command in (
        ["discard", at, "--yes"],
        ["discard", at, "--resume-state", "--yes"],
        ["train", "--run", at],
        ["resume", at],
        ["resume", at, "--device", "cpu"],
        ["train", "--run", at, "--later"],
    ):
        assert main(command) == 1
        assert "stays as it is" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in gift.path.iterdir()} == before


def test_the_folder_of_shipped_runs_is_no_folder_to_train_in(store, monkeypatch, capsys):
    monkeypatch.setattr(directory, "SHIPPED", store.shipped)
    assert main(["train", "--runs", str(store.shipped)]) == 1
    assert main(["train", "--run", str(store.shipped / "new")]) == 1
    assert capsys.readouterr().err.count("takes no others") == 2
    assert main(["discard", "gift", "--runs", str(store.shipped), "--yes"]) == 1
    assert [path.name for path in store.shipped.iterdir()] == ["gift"]


def test_every_run_that_is_shipped_is_whole_and_small():
    """Of the project itself: what a fresh clone brings."""
    for run in RunStore(SHIPPED.parent / "none", SHIPPED).all_runs():
        assert run.view().ended.outcome == "finished" and run.view().metrics, run.id
        if run.model_path.exists():  # else it is there for its curves
            assert run.model_info().accuracy is not None, run.id
        assert run.size_bytes() < 50_000_000, run.id
        assert not run.state_path.exists(), run.id


def test_what_is_shipped_was_measured_of_its_weights(tmp_path):
    """Whoever writes a checkpoint anew, as for its calibration, measures it anew."""
    runs = [run for run in RunStore(tmp_path, SHIPPED).all_runs() if run.is_shipped and run.model_path.exists()]
    assert runs
    for run in runs:
        info, evaluation, blocks = run.model_info(), load_evaluation(run), BlockAblation.load(run)
        assert blocks.is_of(info) and evaluation.step == info.step
        if info.calibration:
            assert evaluation.calibration == calibration_text(info)
            error = expected_calibration_error(evaluation.confidences, evaluation.correct)
            assert error < evaluation.uncalibrated_error


def test_its_title_is_in_the_language_of_who_looks(tmp_path):
    digits = next(run for run in RunStore(tmp_path, SHIPPED).all_runs() if run.title() == "ResNet-20 on digits")
    assert name_of(digits) == "ResNet-20 on digits"
    with in_language(CHINESE):
        assert name_of(digits) == "ResNet-20，手写数字"

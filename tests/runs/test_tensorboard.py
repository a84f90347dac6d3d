"""TensorBoard's own reader finds in the event files what stands in the log, also after a run has gone back."""

import sys

import pytest

from resnet_demo.runs import events
from resnet_demo.runs.directory import RunError
from resnet_demo.runs.fold import fold
from resnet_demo.runs.points import points
from resnet_demo.runs.tensorboard import EventFile, tag
from tests.runs.test_points import PLACE, epoch, metric


def read(folder):
    """{tag: [(step, value)]}, as TensorBoard sees it."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder)).Reload()
    found = {name: reader.Scalars(name) for name in reader.Tags()["scalars"]}
    return {name: [(s.step, round(s.value, 6)) for s in scalars] for name, scalars in found.items() if scalars}


def expected(view):
    found = {}
    for point in points(view):
        found.setdefault(tag(point.series), []).append((point.step, round(point.value, 6)))
    return found


LOG = [metric(2, 1.5), metric(4, 1.25), epoch(1, 4, validation_loss=1.0, validation_accuracy=0.75), metric(6, 1.0)]


def test_a_finished_run_is_read_back(tmp_path):
    view = fold(LOG)
    with EventFile(tmp_path) as file:
        assert file.write(view) == 16
    assert read(tmp_path) == expected(view)
    assert {"loss/train", "loss/test", "accuracy/validation", "learning_rate"} <= set(read(tmp_path))


def test_a_growing_run_is_added_to(tmp_path):
    with EventFile(tmp_path) as file:
        for length in range(1, len(LOG) + 1):
            file.write(fold(LOG[:length]))
            assert read(tmp_path) == expected(fold(LOG[:length]))
        assert file.write(fold(LOG)) == 0


@pytest.mark.parametrize("step", [0, 2, 3, 4, 5])
def test_what_a_resumed_run_has_dropped_is_dropped(tmp_path, step):
    resumed = events.RunResumed(**PLACE, epoch=1 if step < 4 else 2, step=step, elapsed_s=1.0)
    gone_back = [*LOG, resumed]
    gone_on = [*gone_back, metric(6, 0.5), metric(8, 0.25)]
    with EventFile(tmp_path) as file:
        for log in (LOG, gone_back, gone_on):
            file.write(fold(log))
            assert read(tmp_path) == expected(fold(log))


def test_written_again_it_stands_there_once_and_others_files_stay(tmp_path):
    (tmp_path / "events.out.tfevents.1.other").write_bytes(b"")
    for _ in range(2):
        with EventFile(tmp_path) as file:
            file.write(fold(LOG))
    assert read(tmp_path) == expected(fold(LOG))
    assert len(list(tmp_path.iterdir())) == 2


def test_without_the_package_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "tensorboard"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(RunError, match="pip install tensorboard"):
        EventFile(tmp_path / "out")
    assert not (tmp_path / "out").exists()

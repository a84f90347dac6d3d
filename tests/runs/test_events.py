"""The log's lines survive writing and reading, and fold drops what a resumed run has made void."""

import math
from dataclasses import replace

import pytest

from resnet_demo.runs import events
from resnet_demo.runs.fold import Folding, fold

PLACE = {"time": 1.5, "epoch": 1, "step": 0, "images_seen": 0, "elapsed_s": 0.5}


def started(steps_per_epoch=10):
    return events.RunStarted(
        **PLACE,
        epochs=2,
        steps_per_epoch=steps_per_epoch,
        train_images=160,
        validation_images=16,
        test_images=40,
        classes=("a", "b"),
        device="CPU",
    )


def logged(step, epoch=1, loss=1.0, images_per_s=100.0):
    place = PLACE | {"step": step, "epoch": epoch}
    return events.MetricsLogged(
        **place, train_loss=loss, train_accuracy=0.5, learning_rate=0.1, images_per_s=images_per_s
    )


def epoch_ended(epoch, accuracy=0.5):
    return events.EpochEnded(
        **PLACE | {"epoch": epoch, "step": 10 * epoch}, test_loss=1.0, test_accuracy=accuracy, validation_accuracy=0.4
    )


def seen(step, image="a", probabilities=(0.25, 0.75)):
    return events.PredictionLogged(**PLACE | {"step": step}, image=image, probabilities=probabilities)


@pytest.mark.parametrize(
    "event",
    [started(), logged(4), epoch_ended(1), seen(4), events.CheckpointSaved(**PLACE), events.RunPaused(**PLACE),
     events.RunResumed(**PLACE), events.RunEnded(**PLACE, outcome="failed", message="It “failed”.\nTwice.")],
    ids=lambda event: type(event).__name__,
)  # fmt: skip
def test_a_line_reads_back_as_its_event(event):
    line = events.to_line(event)
    assert "\n" not in line and events.from_line(line) == event


def test_a_point_of_a_log_from_before_gradient_norms_still_loads():
    line = events.to_line(logged(4)).replace(',"gradient_norm":null', "")
    assert "gradient_norm" not in line and events.from_line(line) == logged(4)


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"event":"Nonsense"}', '{"event":"RunPaused"}', "null", '"x"'])
def test_a_damaged_line_is_no_event(line):
    with pytest.raises(ValueError, match=r"Not an event|Expecting"):
        events.from_line(line)


def test_fold_of_nothing_is_an_empty_view():
    view = fold([])
    assert (
        view.started is None and view.test_accuracy is None and view.images_per_s is None and view.total_steps is None
    )


def test_resuming_drops_what_was_logged_after_the_saved_point():
    log = [started(), logged(4), logged(8), epoch_ended(1), logged(12, 2), logged(16, 2)]
    view = fold([*log, events.RunResumed(**PLACE | {"step": 12, "epoch": 2}), logged(16, 2, loss=0.5)])
    assert [(point.step, point.train_loss) for point in view.metrics] == [(4, 1.0), (8, 1.0), (12, 1.0), (16, 0.5)]
    assert [point.epoch for point in view.epochs] == [1]


def test_resuming_drops_the_answers_that_its_weights_have_not_given():
    resumed = events.RunResumed(**PLACE | {"step": 10})
    view = fold([started(), seen(0), seen(10), seen(11, "b"), resumed, seen(12, "b")])
    assert [(answer.step, answer.image) for answer in view.predictions] == [(0, "a"), (10, "a"), (12, "b")]
    assert fold([started(), seen(0), started()]).predictions == ()


def test_resuming_before_an_evaluation_drops_its_result():
    resumed = events.RunResumed(**PLACE | {"step": 10, "epoch": 1})
    view = fold([started(), logged(10), epoch_ended(1, 0.3), resumed, epoch_ended(1, 0.4)])
    assert [point.test_accuracy for point in view.epochs] == [0.4] and len(view.metrics) == 1


def test_a_resumed_run_is_no_longer_paused():
    paused = [started(), events.RunPaused(**PLACE)]
    assert fold(paused).paused
    assert not fold([*paused, events.RunResumed(**PLACE)]).paused


def test_a_run_that_begins_anew_forgets_its_first_try():
    """Killed before anything was saved, it starts at step 0 again."""
    view = fold([started(), logged(4), logged(8), started(), logged(4, loss=0.5)])
    assert [(point.step, point.train_loss) for point in view.metrics] == [(4, 0.5)]
    assert not fold([events.RunPaused(**PLACE), started()]).paused


def test_a_failed_run_that_is_resumed_has_not_ended():
    failed = [started(), logged(4), events.RunEnded(**PLACE, outcome="failed", message="The disk is full.")]
    assert fold(failed).ended and not fold(failed).is_over
    assert fold([*failed, events.RunResumed(**PLACE | {"step": 4})]).ended is None
    assert fold([started(), events.RunEnded(**PLACE, outcome="stopped")]).is_over


def test_a_failed_run_that_is_resumed_and_paused_while_it_loads_is_paused():
    failed = events.RunEnded(**PLACE, outcome="failed", message="The disk is full.")
    view = fold([started(), logged(4), failed, events.RunPaused(**PLACE | {"step": 4})])
    assert view.paused and view.ended is None


def test_points_that_a_cut_log_lacks_are_known():
    """Every fourth step is logged, and the last of an epoch."""
    resumed = events.RunResumed(**PLACE | {"step": 16, "epoch": 2})
    whole = [started(), logged(4), logged(8), logged(10), logged(12, 2), logged(16, 2), resumed, logged(20, 2)]
    assert fold(whole, 4).gaps == fold([], 4).gaps == ()
    assert fold(whole[:2] + whole[6:], 4).gaps == ((4, 20),)
    assert fold(whole[6:], 4).gaps == ((0, 20),)


def test_speed_is_the_median_so_that_a_slow_first_step_does_not_count():
    assert fold([started(), logged(1, images_per_s=1.0), logged(2), logged(3)]).images_per_s == 100.0


def test_a_long_logs_points_are_thinned_and_nothing_else_of_it(monkeypatch):
    """Folded from its lines, in two parts, with a resume and a cut in it."""
    monkeypatch.setattr("resnet_demo.runs.fold.MAX_POINTS", 8)
    before = [started(10**6), *(logged(step) for step in range(4, 4 * 500 + 1, 4)), epoch_ended(1)]
    resumed = events.RunResumed(**PLACE | {"step": 1202, "epoch": 2})
    after = [resumed, *(logged(step, 2) for step in range(1204, 2400, 4) if step not in (1300, 1304))]
    whole = fold([*before, *after], 4)
    folding = Folding(4)
    for part in (before, after):
        folding.add_lines(events.to_line(event).encode() for event in part)
        view = folding.view()
        assert len(view.metrics) <= 17 and view.last == part[-1]
    assert (view.started, view.epochs, view.last, view.gaps) == (whole.started, whole.epochs, whole.last, whole.gaps)
    assert view.gaps == ((1296, 1308),)
    assert view.metrics[-1] == whole.metrics[-1] and set(view.metrics) <= set(whole.metrics)
    steps = [point.step for point in view.metrics]
    assert steps == sorted(set(steps)) and 8 <= len(steps) <= 17 and steps[0] == 4


def test_points_that_are_passed_over_may_be_damaged(monkeypatch):
    monkeypatch.setattr("resnet_demo.runs.fold.MAX_POINTS", 2)
    lines = [events.to_line(logged(step)).encode() for step in range(1, 30)]
    for cut in range(40, len(lines[0]), 25):
        folding = Folding()
        folding.add_lines([*lines, lines[0][:cut]])
        assert folding.view().last == logged(29) or folding.view().last.step < 29
        assert all(isinstance(point, events.MetricsLogged) for point in folding.view().metrics)


def test_an_answer_of_an_earlier_version_is_read_by_its_old_name():
    now = events.to_line(seen(7, "a", (0.25, 0.75)))
    before = now.replace("PredictionLogged", "PictureSeen").replace('"image":', '"picture":')
    assert before != now
    assert events.from_line(before) == events.from_line(now) == seen(7, "a", (0.25, 0.75))


def blocks(step):
    return events.BlocksMeasured(
        **PLACE | {"step": step}, ratios=(0.5, None), response_stds=(0.1, 0.2), gradient_norms=(1.0, 2.0)
    )


def test_what_the_blocks_did_is_read_as_it_was_written_and_void_after_the_point_of_resuming():
    assert events.from_line(events.to_line(blocks(3))) == blocks(3)
    nan = replace(blocks(3), ratios=(math.nan, math.inf))
    assert events.from_line(events.to_line(nan)).ratios == (None, None)
    resumed = events.RunResumed(**PLACE | {"step": 4})
    view = fold([blocks(3), blocks(6), resumed, blocks(7)])
    assert [one.step for one in view.blocks] == [3, 7]

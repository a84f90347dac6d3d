"""Evaluations in the background: their result lies in the run, one at a time, to be cancelled, and a failure speaks."""

import threading
from dataclasses import replace

import pytest

from resnet_demo.data.dataset import WAITING, LoadProgress
from resnet_demo.inference import block_ablation, evaluate
from resnet_demo.inference.evaluation_jobs import BLOCKS, EvaluationError, EvaluationJobs
from resnet_demo.inference.predictor import Classifier
from resnet_demo.language import CHINESE, in_language
from resnet_demo.runs.evaluation import load_evaluation
from resnet_demo.runs.measured import BlockAblation
from tests.support.checkpoints import DIGITS, INFO, make_run
from tests.support.waiting import wait_for

LIMIT_S = 120.0  # a bound for a busy machine, never a measure


@pytest.fixture
def jobs(tmp_path):
    return EvaluationJobs(tmp_path / "data")


def wait_until_done(jobs):
    wait_for(lambda: not jobs.state.running, "the evaluation's end", LIMIT_S)
    return jobs.state


def test_what_it_finds_lies_in_the_run_and_its_images_are_at_hand(store, jobs):
    run = make_run(store, "digits", DIGITS)
    jobs.start(run)
    assert jobs.state.running
    assert wait_until_done(jobs).problem == ""
    found = load_evaluation(run)
    assert (found.images, found.step, found.data) == (297, DIGITS.step, "digits")
    place = int(found.confident_mistakes()[0])
    images = jobs.images(found, [place])
    assert images.shape == (1, 3, 32, 32)
    answer = Classifier.from_file(run.model_path).logits(images).argmax(1).item()
    assert answer == found.answers[place] != found.labels[place]


def held_up(monkeypatch, module, name):
    """Let the module's job wait once it has begun: events that say that it has, and that it may go on."""
    began, may_go_on, original = threading.Event(), threading.Event(), getattr(module, name)

    def slow(classifier, dataset):
        began.set()
        assert may_go_on.wait(LIMIT_S)
        yield from original(classifier, dataset)

    monkeypatch.setattr(module, name, slow)
    return began, may_go_on


def test_only_one_at_a_time_and_a_cancelled_one_leaves_what_was_there(store, jobs, monkeypatch):
    run = make_run(store, "digits", DIGITS)
    began, may_go_on = held_up(monkeypatch, evaluate, "evaluate_dataset")
    jobs.start(run)
    assert began.wait(LIMIT_S)
    with pytest.raises(EvaluationError, match="under way"):
        jobs.start(run)
    jobs.cancel()
    may_go_on.set()
    assert wait_until_done(jobs).problem == ""
    assert load_evaluation(run) is None


def test_after_a_cancelled_one_the_next_runs(store, jobs):
    run = make_run(store, "digits", DIGITS)
    jobs.cancel()  # nothing is under way: it cancels no later one
    jobs.start(run)
    wait_until_done(jobs)
    assert load_evaluation(run) is not None


def test_data_that_are_gone_are_a_sentence(store, jobs, tmp_path):
    run = make_run(store, "gone", replace(INFO, data=f"folder:{tmp_path / 'gone'}"))
    jobs.start(run)
    assert "There is no folder" in wait_until_done(jobs).problem


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_too_little_memory_is_a_sentence(store, jobs, monkeypatch, error):
    def fails(self, run, kind):
        raise error

    monkeypatch.setattr(EvaluationJobs, "_evaluate", fails)
    jobs.start(make_run(store, "digits", DIGITS))
    assert "memory is not enough" in wait_until_done(jobs).problem


@pytest.mark.parametrize(
    "error", [RuntimeError("mat1 and mat2"), ValueError("mat1 and mat2"), KeyError("mat1 and mat2")]
)
def test_what_nobody_has_foreseen_is_told_in_the_language_of_who_started_it(store, jobs, monkeypatch, capsys, error):
    def fails(self, run, kind):
        raise error

    monkeypatch.setattr(EvaluationJobs, "_evaluate", fails)
    with in_language(CHINESE):
        jobs.start(make_run(store, "digits", DIGITS))
    problem = wait_until_done(jobs).problem
    assert "意外错误" in problem and f"{type(error).__name__}: {error}" in problem
    assert "Traceback" in capsys.readouterr().err


def test_after_a_restart_the_images_are_read_again_but_never_downloaded(store, jobs):
    run = make_run(store, "digits", DIGITS)
    jobs.start(run)
    wait_until_done(jobs)
    found = load_evaluation(run)
    restarted = EvaluationJobs(jobs.data_dir)
    assert restarted.images(found, [7, 3]).equal(jobs.images(found, [7, 3]))
    with pytest.raises(EvaluationError, match="not on this machine"):
        restarted.images(replace(found, data="cifar10"), [0])


def test_no_gallery_waits_for_another_process_that_loads_the_data(store, jobs, monkeypatch):
    def waiting(*_):
        yield LoadProgress(WAITING, 0, 0)
        pytest.fail("it would wait until the other is done")

    run = make_run(store, "digits", DIGITS)
    jobs.start(run)
    wait_until_done(jobs)
    monkeypatch.setattr("resnet_demo.data.sources.load_dataset", waiting)
    with pytest.raises(EvaluationError, match="are being loaded"):
        EvaluationJobs(jobs.data_dir).images(load_evaluation(run), [0])


def test_a_gallery_whose_images_are_at_hand_waits_for_no_other(store, jobs):
    run = make_run(store, "digits", DIGITS)
    jobs.start(run)
    wait_until_done(jobs)
    with jobs._reading:  # as while a large folder is decoded for another
        shown = []
        asking = threading.Thread(target=lambda: shown.append(jobs.images(load_evaluation(run), [0])), daemon=True)
        asking.start()
        asking.join(10)
        assert shown


def test_as_many_other_images_are_refused(store, jobs):
    run = make_run(store, "digits", DIGITS)
    jobs.start(run)
    wait_until_done(jobs)
    with pytest.raises(EvaluationError, match="are others"):
        jobs.images(replace(load_evaluation(run), test_digest="of other images"), [0])
    earlier = replace(load_evaluation(run), test_digest="")  # they are counted
    assert jobs.images(earlier, [0]).shape == (1, 3, 32, 32)


def test_images_of_another_number_are_refused(store, jobs):
    run = make_run(store, "digits", DIGITS)
    jobs.start(run)
    wait_until_done(jobs)
    found = load_evaluation(run)
    fewer = replace(found, **{name: getattr(found, name)[1:] for name in ("labels", "answers", "confidences")})
    with pytest.raises(EvaluationError, match="are others"):
        jobs.images(fewer, [0])


def test_a_checkpoint_is_measured_without_each_of_its_blocks_and_the_result_names_its_weights(store, jobs):
    run = make_run(store, "digits", DIGITS)
    jobs.start(run, BLOCKS)
    assert (jobs.state.running, jobs.state.kind) == (True, BLOCKS)
    assert wait_until_done(jobs).problem == ""
    found = BlockAblation.load(run)
    assert found.is_of(run.model_info())
    assert (found.images, len(found.without)) == (297, 8)
    assert load_evaluation(run) is None


def test_a_cancelled_measurement_of_blocks_leaves_nothing(store, jobs, monkeypatch):
    run = make_run(store, "digits", DIGITS)
    began, may_go_on = held_up(monkeypatch, block_ablation, "ablate_each_block")
    jobs.start(run, BLOCKS)
    assert began.wait(LIMIT_S)
    jobs.cancel()
    may_go_on.set()
    assert wait_until_done(jobs).problem == ""
    assert BlockAblation.load(run) is None

"""The Evaluate tab over HTTP: the owner evaluates, everyone sees the report, a folder's images are its owner's."""

import json
from dataclasses import replace

import numpy as np

from resnet_demo.runs.evaluation import Evaluation, load_evaluation, save_evaluation
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.access import Access
from resnet_demo.ui.html.evaluation import CONFIDENT_MISTAKES, NOT_HERE, UNSURE_RIGHT
from tests.support.asking import post
from tests.support.checkpoints import DIGITS, INFO, make_run
from tests.support.waiting import wait_for

TOKEN = "a-token-for-the-owner"


def test_evaluating_fills_the_report_and_a_cell_shows_its_images(serve):
    with serve() as (url, backend):
        run = make_run(backend.store, "digits", DIGITS)
        kind, answer = post(url, "start_evaluation", [run.id])
        assert kind == "complete", answer
        wait_for(lambda: not backend.evaluations.state.running, "the evaluation's end", 120)
        kind, answer = post(url, "show_evaluation", [run.id])
        assert "of 297 test images of handwritten digits are classified correctly" in answer
        found = load_evaluation(run)
        true, answered = np.argwhere(found.confusion)[0]
        assert f'data-cell=\\"{true},{answered}\\"' in answer
        _, answer = post(url, "evaluation_images", [run.id, CONFIDENT_MISTAKES])
        assert answer.count("<figure>") == 24
        _, answer = post(url, "evaluation_images", [run.id, f"{true},{answered} 1764"])
        assert answer.count("<figure>") > 0
        for none in ("", "0", "99,99", "a,b", "0,1,2"):
            assert "no such cell" in post(url, "evaluation_images", [run.id, none])[1]


def measured() -> Evaluation:
    labels = np.array([0, 0, 1, 1])
    return Evaluation(
        labels=labels, answers=np.array([0, 1, 1, 1]), confidences=np.full(4, 0.9), classes=("cat", "dog"),
        data="folder:/srv/animals", step=34, epoch=2, split="by_name", uncalibrated_error=None,
        warnings=("/srv/animals is old",),
    )  # fmt: skip


def test_the_public_endpoint_reports_what_was_measured_and_no_folder_of_the_server(serve):
    with serve(Access(TOKEN)) as (url, backend):
        run = make_run(backend.store, "run-1")
        make_run(backend.store, "run-2")
        save_evaluation(run, measured())
        kind, answer = post(url, "evaluate", ["run-1"])
        (told,) = json.loads(answer)
        assert kind == "complete" and (told["run"], told["accuracy"], told["images"]) == ("run-1", 0.75, 4)
        assert told["confusion"] == [[1, 1], [0, 2]] and told["interval_95"][0] < 0.75 < told["interval_95"][1]
        assert "/srv" not in answer
        assert "/srv" not in post(url, "show_evaluation", ["run-1"])[1]
        assert "/srv/animals is old" in post(url, "show_evaluation", ["run-1"], token=TOKEN)[1]
        for asked, said in (("run-2", "has not been evaluated"), ("../run-1", "no such run"), ("", "no such run")):
            kind, answer = post(url, "evaluate", [asked])
            assert kind == "error" and said in answer


def test_a_visitor_may_look_and_not_evaluate(serve):
    with serve(Access(TOKEN)) as (url, backend):
        run = make_run(backend.store, "digits", DIGITS)
        for handler in ("start_evaluation", "cancel_evaluation"):
            assert post(url, handler, [run.id])[0] == "error"
        assert not backend.evaluations.state.running
        assert post(url, "show_evaluation", [run.id])[0] == "complete"
        assert post(url, "start_evaluation", [run.id], token=TOKEN)[0] == "complete"


def test_the_images_of_a_folder_are_shown_to_their_owner_alone(serve):
    with serve(Access(TOKEN)) as (url, backend):
        run = make_run(backend.store, "mine", INFO)
        save_evaluation(run, few(INFO.classes, data="folder:/srv/animals"))
        _, answer = post(url, "evaluation_images", [run.id, CONFIDENT_MISTAKES])
        assert "to their owner alone" in answer
        _, answer = post(url, "evaluation_images", [run.id, CONFIDENT_MISTAKES], token=TOKEN)
        assert "There is no folder" in answer


def test_a_shipped_run_says_that_its_images_did_not_come_with_it(serve, tmp_path):
    run = make_run(RunStore(tmp_path / "shipped"), "theirs", INFO)
    save_evaluation(run, few(INFO.classes, data=f"folder:{tmp_path / 'elsewhere'}"))
    with serve(Access(TOKEN)) as (url, backend):
        backend.store.shipped = tmp_path / "shipped"
        for token in ("", TOKEN):
            _, html, galleries, *_ = json.loads(post(url, "show_evaluation", [run.id], token=token)[1])
            assert NOT_HERE in html and "Click a cell" not in html and galleries["visible"] is False
            for wanted in (CONFIDENT_MISTAKES, UNSURE_RIGHT, "0,1 1764"):
                _, answer = post(url, "evaluation_images", [run.id, wanted], token=token)
                assert NOT_HERE in answer and "elsewhere" not in answer


def test_what_is_no_run_and_no_cell_is_nothing(serve):
    with serve() as (url, _):
        assert post(url, "start_evaluation", ["../x"])[0] == "error"
        for handler, wanted in (("show_evaluation", []), ("evaluation_images", ["0,1"])):
            assert [post(url, handler, [chosen, *wanted])[0] for chosen in (None, "../x")] == ["complete"] * 2
            assert [post(url, handler, [chosen, *wanted])[0] for chosen in (5, ["a"])] == ["error"] * 2


def few(classes, data):
    at = np.array([0, 1, 2, 0])
    return Evaluation(classes, at, at[::-1].copy(), np.full(4, 0.5), data=data, epoch=1, step=2)


def test_an_evaluation_of_an_earlier_save_says_so(serve):
    with serve() as (url, backend):
        run = make_run(backend.store, "digits", replace(DIGITS, step=500))
        save_evaluation(run, few(DIGITS.classes, data="digits"))
        _, answer = post(url, "show_evaluation", [run.id])
        assert "at step 500 by now: evaluate again" in answer

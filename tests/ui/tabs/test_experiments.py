"""Experiments over HTTP: what is there is drawn, only the owner plans what is missing, foreign values do no harm."""

import pytest

from resnet_demo.runs.experiments import EXPERIMENTS
from resnet_demo.runs.queue import Queue
from resnet_demo.ui.access import Access
from resnet_demo.workers.launcher import Launcher
from tests.support.asking import post, run_now

TOKEN = "a-token-for-the-owner"


def test_its_runs_are_drawn_and_told_once(serve):
    with serve() as (url, backend):
        backend.store.create(EXPERIMENTS["race"].config("plain18", 0))
        seen, drawn, _ = run_now(url, "experiment", ["", "race", 0]).json()["data"]
        assert drawn.count("<figure") == 1 and "epoch 0 of 24" in drawn
        assert "<figure" not in run_now(url, "experiment", [seen, "race", 0]).text
        assert "epoch 0 of 24" not in run_now(url, "experiment", ["", "race", 1.0]).json()["data"][1]


@pytest.mark.parametrize(
    "sent", [["no such", 0], [["race"], 0], ["race", -1], ["race", "0"], ["race", 0.5], ["race", None]]
)
def test_what_is_no_experiment_is_a_sentence(serve, sent):
    with serve() as (url, _):
        assert post(url, "plan_experiment", sent)[0] == "error"


@pytest.mark.parametrize("seed", [None, 0.5, -1])
def test_what_is_wrong_with_the_seed_stands_in_the_panel(serve, seed):
    """It is asked about with each epoch: a message that pops up would come again and again."""
    with serve() as (url, _):
        answer = run_now(url, "experiment", ["", "race", seed])
        assert answer.status_code == 200
        _, drawn, start = answer.json()["data"]
        assert "Seed" in drawn and 'role="alert"' in drawn and start["interactive"] is False


def test_only_the_owner_plans_what_has_not_been_trained_here(serve, monkeypatch):
    monkeypatch.setattr(Launcher, "_spawn", lambda *args, **kwargs: None)  # nothing is trained
    with serve(Access(TOKEN)) as (url, backend):
        for seed in (0, 1):
            backend.store.create(EXPERIMENTS["digits"].config("plain34", seed))
        assert post(url, "plan_experiment", ["digits", 0])[0] == "error" and not Queue(backend.store.folder).ids()
        assert post(url, "plan_experiment", ["digits", 0], token=TOKEN)[0] == "complete"
        planned = [run.config() for run in Queue(backend.store.folder).runs()]
        assert [(config.arch, config.seed) for config in planned] == [
            (a, 0) for a in ("plain18", "resnet18", "resnet34")
        ]
        assert post(url, "plan_experiment", ["digits", 0], token=TOKEN)[0] == "error"
        assert len(Queue(backend.store.folder).ids()) == 3
        drawn, start = run_now(url, "experiment", ["", "digits", 0]).json()["data"][1:]
        assert "queued" in drawn and start["interactive"] is False

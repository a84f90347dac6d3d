"""An experiment's drawing: each network's errors where they belong, and what is said of them is what was measured."""

from dataclasses import replace

import pytest

from resnet_demo.runs import events
from resnet_demo.runs.directory import SHIPPED
from resnet_demo.runs.experiments import EXPERIMENTS
from resnet_demo.runs.fold import fold
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Watcher
from resnet_demo.ui.html.experiment import experiment_html, training_error

EXPERIMENT = EXPERIMENTS["digits"]
PLACE = {"time": 1.0, "images_seen": 0, "elapsed_s": 1.0}


@pytest.fixture
def run(tmp_path):
    def make(arch: str, errors: list[float]) -> Snapshot:
        """Two points an epoch, whose mean is the epoch's error."""
        config = EXPERIMENT.config(arch, 0)
        log = [
            events.RunStarted(
                **PLACE, epoch=1, step=0, epochs=config.epochs, steps_per_epoch=4, train_images=256,
                validation_images=0, test_images=297, classes=tuple("0123456789"), device="CPU, 1 thread",
            )
        ]  # fmt: skip
        for epoch, error in enumerate(errors, start=1):
            for step, off in ((4 * epoch - 2, 0.05), (4 * epoch, -0.05)):
                log.append(
                    events.MetricsLogged(
                        **PLACE, epoch=epoch, step=step, train_loss=1.0, train_accuracy=1 - error + off,
                        learning_rate=0.05, images_per_s=100.0, gradient_norm=None,
                    )
                )  # fmt: skip
            log.append(events.EpochEnded(**PLACE, epoch=epoch, step=4 * epoch, test_loss=1.0, test_accuracy=0.5))
        made = RunStore(tmp_path).create(config)
        return Snapshot(made, config, fold(log), False, None, "run")

    return make


def test_what_is_said_is_what_was_measured(run):
    runs = {"plain18": run("plain18", [0.6, 0.2]), "plain34": run("plain34", [0.9, 0.75, 0.3])}
    assert training_error(runs["plain34"].view, 2) == pytest.approx(0.75)
    html = experiment_html(EXPERIMENT, runs)
    said = "After 2 epochs Plain-34&#x27;s training error is 55.0 points above Plain-18&#x27;s (75.0 %, 20.0 %)."
    assert said in html and html.count("experiment-verdict") == 1
    assert html.count("curve train run-") == html.count("curve test run-") == 2
    assert html.count("epoch 2 of 80") == 1 and html.count("not trained yet") == 3  # both ResNets, and their plot
    assert f"runs={runs['plain18'].run.id}%2C{runs['plain34'].run.id}&amp;error=1" in html

    below = experiment_html(EXPERIMENT, {**runs, "plain34": run("plain34", [0.5, 0.1])})
    assert "is 10.0 points below" in below


def test_nothing_is_said_before_both_are_measured(run):
    begun = run("plain34", [])
    for runs in ({}, {"plain18": run("plain18", [0.5])}, {"plain18": run("plain18", [0.5]), "plain34": begun}):
        html = experiment_html(EXPERIMENT, runs)
        assert "experiment-verdict" not in html and html.count("<svg") >= 2
    assert "tab=runs" not in experiment_html(EXPERIMENT, {})


def test_a_networks_place_is_its_colour_whoever_else_is_there(run):
    html = experiment_html(EXPERIMENT, {"resnet34": run("resnet34", [0.5])})
    assert "curve train run-3" in html and "curve train run-0" not in html
    shipped = run("resnet34", [0.5])
    shipped.run.is_shipped = True
    assert "came with resnet_demo" in experiment_html(EXPERIMENT, {"resnet34": shipped})


def test_the_runs_that_come_along_are_whole_and_tell_of_their_blocks_once_all_are_done(tmp_path):
    shipped = EXPERIMENT.runs(Watcher(RunStore(tmp_path, SHIPPED)).snapshot().runs, 0)
    html = experiment_html(EXPERIMENT, shipped)
    assert list(shipped) == EXPERIMENT.networks and html.count("experiment-verdict") == 2
    assert "54.7 points above" in html and html.count("<h4>") == 4
    training = {**shipped, "plain18": replace(shipped["plain18"], alive=True)}
    assert training["plain18"].status.is_live and "<h4>" not in experiment_html(EXPERIMENT, training)

"""The app is killed, the app and its worker are killed, and many start at once: the run loses nothing, and there is
never a second one."""

import random
import subprocess
import sys
import threading
import time
from dataclasses import replace

import psutil
import pytest

from resnet_demo.runs import events
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.worker_files import STOP
from tests.browser.conftest import ROOT, App, wait_for
from tests.support.asking import post, run_now
from tests.support.workers import LONG, assert_as_if_never_disturbed

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
MOMENTS = 10


@pytest.fixture
def endless(tiny_config):
    """5 steps an epoch, and more epochs than any test waits for; of a network that is saved fast."""
    return replace(tiny_config, arch="resnet20", epochs=1000, train_images=96)


def test_an_app_killed_ten_times_adopts_the_very_worker_that_never_noticed(app, endless, tmp_path):
    moments, workers = random.Random(1), set()
    for moment in range(MOMENTS):
        with app.running() as process:
            if moment == 0:
                start(app, endless)
            (run,) = app.store.runs()
            assert "training" in status(app)
            workers.add(worker_of(run).pid)
            time.sleep(moments.uniform(0, 1))
            process.kill()
            process.wait()
    with app.running():
        assert "training" in status(app)
        wait_for(lambda: run.view().epochs, "the end of an epoch")
        pause(app)
    assert len(workers) == 1
    assert not any(isinstance(event, events.RunResumed) for event in run.events())
    assert_as_if_never_disturbed(run, tmp_path)


def test_the_app_and_the_worker_killed_ten_times_leave_no_trace(app, endless, tmp_path):
    moments = random.Random(2)
    for moment in range(MOMENTS + 1):
        with app.running() as process:
            said_before = 0
            if moment == 0:
                start(app, endless)
            else:
                wait_for(lambda: "interrupted" in status(app), "the run shown as interrupted")
                said_before = len(app.store.runs()[0].events())
                assert post(app.url, "resume", [app.store.runs()[0].id, ""])[0] == "complete"
            (run,) = app.store.runs()
            if moment == MOMENTS:
                # Not while it loads: then the log still ends with what was said after the last save.
                wait_for(lambda run=run, said=said_before: len(run.events()) > said, "a word from the worker")
                wait_for(lambda run=run: len(run.view().epochs) >= 2, "the end of an epoch")
                pause(app)
                break
            words = len(run.events()) + moments.randint(1, 5)  # 5 is about an epoch and its save
            wait_for(lambda run=run, words=words: len(run.events()) >= words, "a word from the worker")
            time.sleep(moments.uniform(0, 0.2))
            both = [process, worker_of(run)]
            moments.shuffle(both)
            for each in both:
                each.kill()
                each.wait()
        assert not run.is_alive() and not run.view().paused
    assert_as_if_never_disturbed(run, tmp_path)


def test_of_four_starts_at_once_one_trains_and_the_others_name_it(app, endless, tmp_path):
    moments, other = random.Random(3), App(tmp_path)
    with app.running(), other.running():
        for moment in range(MOMENTS):
            starts = StartsAtOnce(app, other, endless, moments)
            wait_for(starts.all_but_one_refused, "three refusals")
            (run,) = [run for run in app.store.runs() if run.is_alive()]
            assert all(run.id in refusal for refusal in starts.refusals), starts.refusals
            assert len(app.store.runs()) == moment + 1  # those refused have left nothing behind
            run.request(STOP)
            starts.wait()


# --- what the app says and does -------------------------------------------------------------------------------------


def start(app, config) -> None:
    kind, answer = post(app.url, "start", list(config.to_dict().values()))
    assert kind == "complete", answer


def status(app) -> str:
    """The card above the curves."""
    return run_now(app.url, "status", ["newest"]).json()["data"][0]


def pause(app) -> None:
    assert post(app.url, "pause", [app.store.active().id])[0] == "complete"
    wait_for(lambda: "paused" in status(app), "the run shown as paused")


def worker_of(run: RunDirectory) -> psutil.Process:
    (worker,) = [p for p in psutil.process_iter(["cmdline"]) if str(run.path) in (p.info["cmdline"] or [])]
    return worker


# --- many at once ---------------------------------------------------------------------------------------------------


class StartsAtOnce:
    """Two apps and two command lines, over one runs folder, within a fifth of a second."""

    def __init__(self, app: App, other: App, config, moments: random.Random) -> None:
        self.store, self.refusals = app.store, []
        command = [sys.executable, "-m", "resnet_demo", "train", "--runs", app.runs, "--data-dir", app.data, "--json"]
        command += ["--preset", "tour", "--arch", config.arch, "--batch-size", config.batch_size]
        command += ["--epochs", config.epochs, "--train-images", config.train_images]
        values = list(config.to_dict().values())
        starters = [(self._ask, app.url, values), (self._ask, other.url, values)]
        starters += [(self._run, [str(part) for part in command])] * 2
        self._threads = [threading.Timer(moments.uniform(0, 0.2), how, what) for how, *what in starters]
        for thread in self._threads:
            thread.start()

    def _ask(self, url: str, values: list) -> None:
        kind, answer = post(url, "start", values)
        if kind != "complete":
            self.refusals.append(answer)

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            self.refusals.append(done.stderr)

    def all_but_one_refused(self) -> bool:
        assert len([run for run in self.store.runs() if run.is_alive()]) <= 1
        return len(self.refusals) == 3

    def wait(self) -> None:
        """Until the one that trained has ended."""
        for thread in self._threads:
            thread.join(LONG)
            assert not thread.is_alive()
        wait_for(lambda: self.store.active() is None, "the end of the first")

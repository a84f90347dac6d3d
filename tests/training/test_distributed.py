"""Two processes on one network, started by torchrun as a person would: one run directory, the same training as one
process to rounding, and what is left when one of them dies."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from PIL import Image

from resnet_demo.data.batches import draw_epoch, make_batch, to_tensor
from resnet_demo.data.framing import prepare
from resnet_demo.data.images import load_image
from resnet_demo.data.sources import load_dataset
from resnet_demo.inference.predictor import Classifier
from resnet_demo.models.checkpoint import load_model
from resnet_demo.runs import events
from resnet_demo.runs.pinned import pin
from resnet_demo.runs.schedule import learning_rate
from resnet_demo.runs.watcher import Watcher
from resnet_demo.training.device import DeviceError, choose_device
from resnet_demo.training.distributed import SINGLE_PROCESS, torchrun_command
from resnet_demo.training.errors import TrainingError
from resnet_demo.training.optimizer import set_learning_rate
from resnet_demo.training.trainer import Trainer
from resnet_demo.workers.launcher import Launcher, kill_tree
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[2]
LONG = 120.0  # seconds; a bound for a busy machine, never a measure
LETTERS = {"RunStarted": "S", "MetricsLogged": "m", "EpochEnded": "E", "CheckpointSaved": "c", "RunPaused": "p"}
LETTERS |= {"RunResumed": "R", "RunEnded": ".", "PredictionLogged": "a", "BlocksMeasured": "b"}


@pytest.fixture
def config(tiny_config):
    """4 steps an epoch, of batches that two processes cannot share evenly; each point logged. In float32, since what
    is one to rounding there is not in bfloat16; by SGD, since Adam makes a whole step out of the rounding error of a
    gradient that is zero. A network with little to send and to save."""
    return replace(
        tiny_config,
        arch="resnet20",
        batch_size=15,
        train_images=70,
        log_every_steps=1,
        precision="float32",
        optimizer="sgd",
        learning_rate=0.05,
    )


@pytest.fixture(autouse=True)
def no_process_left(tmp_path):
    """Also of a test that fails half-way: these train for a thousand epochs."""
    yield
    for process in psutil.process_iter(["cmdline"]):
        if any(str(tmp_path) in word for word in process.info["cmdline"] or []):
            kill_tree(process.pid)


def start(run, data_dir, processes=2, restarts=0):
    """`train` in so many processes, in a process group of its own."""
    arguments = ["train", "--run", str(run.path), "--data-dir", str(data_dir), "--json"]
    command = torchrun_command(processes, arguments) if processes > 1 else [sys.executable, "-m", "resnet_demo"]
    if processes > 1:
        command[command.index("--standalone")] = f"--max-restarts={restarts}"
        command.insert(command.index("-m", 2), "--standalone")
    else:
        command += arguments
    with run.log_path.open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env={**os.environ, "OMP_NUM_THREADS": "1"})


def end(process) -> int:
    """Its exit status; a group that hangs is ended and fails the test."""
    try:
        return process.wait(LONG)
    except subprocess.TimeoutExpired:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        raise


def processes_of(run) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cmdline"]) if str(run.path) in (p.info["cmdline"] or [])]


def finish(process, run) -> None:
    """The process ends, and well; else the test says what it has said."""
    assert end(process) == 0, run.log_path.read_text()


def kill_second(torchrun) -> None:
    """SIGKILL to the process of rank 1."""
    ranks = {child.environ().get("RANK"): child for child in psutil.Process(torchrun.pid).children()}
    ranks["1"].send_signal(signal.SIGKILL)


def told(run) -> str:
    return "".join(LETTERS[type(event).__name__] for event in run.events())


def digits(tmp_path):
    loading = load_dataset("digits", tmp_path)
    while True:
        try:
            next(loading)
        except StopIteration as ended:
            return ended.value


def emulated(config, dataset) -> tuple[list[float], Trainer]:
    """The first epoch by one process that passes each half of a batch through a network of its own and adds the
    gradients up: the losses, and the first network's trainer."""
    torch.set_num_threads(1)
    both = [Trainer(config, dataset, choose_device("cpu", "float32")) for _ in range(2)]
    first, losses = both[0], []
    shards = [
        draw_epoch(t.data.train, 15, t.data.augment, seed=config.seed, epoch=1, shard=slice(rank, None, 2))
        for rank, t in enumerate(both)
    ]
    for step, halves in enumerate(zip(*shards, strict=True)):
        loss = 0.0
        for trainer, drawn in zip(both, halves, strict=True):
            images, labels = make_batch(trainer.data.train, drawn, trainer.data.augment, trainer.data.normalise)
            trainer.optimizer.zero_grad()
            half = trainer.loss(trainer.model.train()(images), labels)
            half.backward()
            loss += half.item() * len(labels) / 15
        for ours, theirs in zip(*(trainer.model.parameters() for trainer in both), strict=True):
            total = ours.grad * (8 / 15) + theirs.grad * (7 / 15)
            ours.grad.copy_(total)
            theirs.grad.copy_(total)
        rate = learning_rate(step, first.total_steps, config.learning_rate, config.schedule, config.warmup)
        for trainer in both:
            set_learning_rate(trainer.optimizer, config, rate)
            trainer.optimizer.step()
        losses.append(loss)
    return losses, first


def test_two_processes_train_as_one_and_leave_one_run(store, config, tmp_path):
    config = replace(config, epochs=1, ema_decay=0.0)
    run = store.create(config)
    finish(start(run, tmp_path), run)
    assert told(run) == "SmmmmEc." and run.view().ended.outcome == "finished"
    assert run.environment()["processes"] == 2 and run.view().started.device.startswith("2 x CPU")
    assert not run.state_path.exists() and not run.is_alive()

    losses, first = emulated(config, digits(tmp_path))
    assert [point.train_loss for point in run.view().metrics] == pytest.approx(losses, rel=1e-5)
    model, info = load_model(run.model_path)
    for name, tensor in first.model.state_dict().items():  # with it the norms' statistics: the first process's
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-4, atol=1e-6, msg=name)
    ended = next(event for event in first._evaluate_epoch() if isinstance(event, events.EpochEnded))
    assert run.view().epochs[0].test_loss == pytest.approx(ended.test_loss, rel=1e-4)
    assert run.view().epochs[0].test_accuracy == ended.test_accuracy
    assert info.held_out == len(first.data.validation) == info.calibration.images
    assert info.calibration.temperature == pytest.approx(first.calibration.temperature, rel=1e-3)


def test_the_first_process_alone_is_asked_about_the_pinned_image(store, config, tmp_path):
    """Were the others to wait for it, or it for them, the run would not end. Its weights are all that it takes: the
    checkpoint of the same step gives the same answer."""
    run = store.create(replace(config, epochs=2))
    pin(run, Image.linear_gradient("L").resize((32, 32)).convert("RGB"))
    finish(start(run, tmp_path), run)
    assert re.fullmatch(r"S(mc?){4}Ec?(mc?){4}Ec\.", told(run).replace("a", "")), told(run)  # saves go by the clock
    answers = {answer.step: answer for answer in run.view().predictions}
    assert {0, 4, 8} <= answers.keys() and len(answers) == len(run.view().predictions)
    last, earlier = Classifier.from_file(run.model_path), Classifier.from_file(run.epoch_path(1))
    seen, _ = prepare(load_image(run.pinned_path), last.info.light_on_dark)
    logits = last.logits(to_tensor([seen]))[0].double()
    # Asked at the last step, it answers by the temperature of the epoch before; at the epoch's end, by the new one.
    wanted = [(logits / classifier.info.temperature).softmax(0).tolist() for classifier in (earlier, last)]
    assert any(answers[8].probabilities == pytest.approx(shares, abs=2e-5) for shares in wanted)


def test_a_killed_process_leaves_an_interrupted_run_that_one_process_continues(store, config, tmp_path):
    run = store.create(replace(config, epochs=1000))
    torchrun = start(run, tmp_path)
    wait_for(lambda: run.view().saved or torchrun.poll() is not None, "a save", LONG)
    kill_second(torchrun)
    assert end(torchrun) != 0
    assert not run.is_alive() and run.view().ended is None and not run.view().paused
    assert Watcher(store).snapshot().current.status == "interrupted"
    assert "Another process of this run has gone" in run.log_path.read_text()

    saved, alone = run.view().saved.step, start(run, tmp_path, processes=1)
    wait_for(lambda: len(run.view().epochs) * 4 > saved or alone.poll() is not None, "another epoch", LONG)
    run.request("stop")
    finish(alone, run)
    assert re.fullmatch(r"S(m{4}Ec?)+m{0,4}R(m{4}Ec?)+m{0,4}c?\.", told(run)), told(run)  # saves go by the clock
    assert [point.step for point in run.view().metrics] == list(range(1, run.view().last.step + 1))


def test_torchruns_own_restart_resumes(store, config, tmp_path):
    run = store.create(replace(config, epochs=3))
    torchrun = start(run, tmp_path, restarts=1)
    wait_for(lambda: run.view().saved or torchrun.poll() is not None, "a save", LONG)
    kill_second(torchrun)
    finish(torchrun, run)
    assert re.fullmatch(r"S(m{4}Ec?)+m{0,4}R(m{4}Ec?)*m{4}Ec\.", told(run)), told(run)
    assert [point.step for point in run.view().metrics] == list(range(1, 13))


def test_early_stopping_ends_all_of_them(store, config, tmp_path):
    """Each goes by the accuracy of all: were one to go on, it would wait for the others for ever. A rate that moves
    nothing gains nothing."""
    run = store.create(replace(config, epochs=50, early_stopping_patience=2, learning_rate=1e-7))
    finish(start(run, tmp_path), run)
    ended = run.view().ended
    assert ended.outcome == "finished" and "2 epochs" in ended.message
    assert 3 <= len(run.view().epochs) < 50 and not run.state_path.exists()


def test_the_page_starts_and_pauses_all_of_them(store, config, tmp_path):
    """The settings say two processes: what the launcher starts starts torchrun."""
    launcher = Launcher(store, tmp_path)
    run = launcher.start(replace(config, epochs=1000, processes=2))
    wait_for(lambda: run.view().metrics, "the first point", LONG)
    # The one that was started, torchrun and its two; for a moment more, where one asks git for the commit.
    wait_for(lambda: len(processes_of(run)) == 4, "four processes", LONG)
    workers = processes_of(run)
    launcher.pause(run)
    assert launcher.wait_until_idle(LONG)
    assert psutil.wait_procs(workers, LONG)[1] == []
    assert told(run).endswith("cp") and run.view().paused, (told(run), run.log_path.read_text())
    assert "Traceback" not in run.log_path.read_text(), run.log_path.read_text()
    assert run.view().saved.step == run.view().last.step


def test_ctrl_c_saves_all_of_them_and_says_how_to_go_on(store, config, tmp_path):
    """torchrun itself would answer it with a traceback and status 1."""
    run = store.create(replace(config, epochs=1000, processes=2))
    command = [sys.executable, "-m", "resnet_demo", "resume", str(run.path), "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as started:
        wait_for(lambda: run.view().metrics or started.poll() is not None, "the first point", LONG)
        started.send_signal(signal.SIGINT)
        status = end(started)
        said = started.stdout.read()
        assert status == 130, said
    assert f"Saved. Continue with: python -m resnet_demo train --run {run.path}" in said and "Traceback" not in said
    assert told(run).endswith("cp") and run.view().saved.step == run.view().last.step and not run.is_alive()


def test_the_command_that_shares_a_batch():
    command = torchrun_command(4, ["train", "--run", "runs/a"])
    assert command[:3] == [sys.executable, "-m", "torch.distributed.run"]
    assert " ".join(command[3:]) == "--standalone --nproc-per-node 4 -m -- resnet_demo train --run runs/a"


def test_alone_every_exchange_is_with_nobody():
    assert (
        SINGLE_PROCESS.agree_on_request("pause"),
        SINGLE_PROCESS.broadcast_object(7),
        list(range(5))[SINGLE_PROCESS.shard],
    ) == ("pause", 7, [0, 1, 2, 3, 4])


def test_what_cannot_be_shared_is_a_sentence(config, tiny_dataset, monkeypatch):
    class Eight(type(SINGLE_PROCESS)):
        rank, size = 3, 8

    with pytest.raises(TrainingError, match="A batch of 15 is too small for 8 processes"):
        Trainer(config, tiny_dataset, choose_device("cpu"), Eight())
    assert choose_device("cpu", "float32", threads=1, processes=3).name == "3 x CPU, 1 thread"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(DeviceError, match="one process only"):
        choose_device("mps", processes=2)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "GPU")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    assert choose_device("cuda", processes=2).reason.endswith("2 processes share each batch.")
    with pytest.raises(DeviceError, match="this machine has 2, not 4"):
        choose_device("cuda", processes=4)

"""How long a run will take: from earlier runs like it, else from counted work; and on which device, and why."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from resnet_demo.files import replace_json
from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Watcher
from resnet_demo.training.device import DeviceError, choose_device
from resnet_demo.ui.html.plan import plan_html
from resnet_demo.workers import estimate as estimating
from resnet_demo.workers import machine_speed
from resnet_demo.workers.estimate import estimate
from resnet_demo.workers.machine_speed import MatmulRate, matmul_rate


def guessed(config, store, choice):
    return estimate(config, Watcher(store).snapshot().runs, choice, store.folder / "data")


PLACE = {"time": 1.0, "epoch": 1, "step": 10, "images_seen": 1280, "elapsed_s": 5.0}


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(estimating, "matmul_rate", lambda *_: MatmulRate(1e11, 1e11))
    return RunStore(tmp_path)


@pytest.fixture
def cpu():
    return choose_device("cpu", "float32", threads=2)


def add_run(store, config, images_per_s, device="CPU, 2 threads"):
    run = store.create(config)
    run.write_config(config, device=device)
    run.append(
        events.MetricsLogged(**PLACE, train_loss=1.0, train_accuracy=0.5, learning_rate=0.1, images_per_s=images_per_s)
    )


def test_without_earlier_runs_work_over_rate_marked_about(store, cpu):
    guess = guessed(preset_config("fast", epochs=8, validation_images=0), store, cpu)
    assert guess.about
    assert guess.images_per_s == pytest.approx(0.7 * 1e11 / (6 * 83_431_424))
    assert guess.seconds == pytest.approx(8 * (50_000 + 10_000 / 3) / guess.images_per_s)
    assert guess.steps_per_epoch == 50_000 // 128


def test_on_a_gpu_nothing_is_said_before_a_run_has_told_its_speed(store, cpu):
    gpu = replace(cpu, device=torch.device("cuda"), name="NVIDIA H100")
    guess = guessed(preset_config("fast"), store, gpu)
    assert (guess.seconds, guess.images_per_s, guess.steps_per_epoch) == (None, None, 375)
    assert "no similar run has been timed" in plan_html("Trains on it.", guess, {})
    add_run(store, preset_config("fast"), 9000.0, device="NVIDIA H100")
    assert guessed(preset_config("fast"), store, gpu).images_per_s == 9000.0


def test_earlier_runs_like_it_tell_the_speed(store, cpu):
    config = preset_config("fast")
    for speed in (100.0, 300.0, 120.0):
        add_run(store, config, speed)
    guess = guessed(replace(config, epochs=1), store, cpu)
    assert (guess.images_per_s, guess.about) == (120.0, False)
    assert guess.seconds == pytest.approx((48_000 + 12_000 / 3) / 120)


@pytest.mark.parametrize(
    "change",
    [{"arch": "resnet18"}, {"stem": "cifar"}, {"shortcut": "A"}, {"batch_size": 64}, {"precision": "bfloat16"}],
)
def test_a_run_that_differs_tells_nothing(store, cpu, change):
    add_run(store, preset_config("fast", **change), 999.0)
    add_run(store, preset_config("fast"), 999.0, device="NVIDIA H100")
    assert guessed(preset_config("fast"), store, cpu).about


def test_a_run_of_the_same_network_by_other_names_tells(store, cpu):
    """`auto` is the shortcuts that a network has, and a small network has one stem."""
    add_run(store, preset_config("fast", arch="resnet20", shortcut="A", stem="compact"), 999.0)
    assert guessed(preset_config("fast", arch="resnet20"), store, cpu).images_per_s == 999.0


def test_an_unreadable_run_does_not_spoil_the_estimate(store, cpu):
    (store.create(preset_config("fast")).path / "config.json").write_text("{")
    assert guessed(preset_config("fast"), store, cpu).about


def test_a_folders_images_are_counted_and_an_empty_one_has_no_duration(store, cpu, tmp_path):
    for part, count in (("train", 40), ("test", 12)):
        (tmp_path / "pics" / part / "cat").mkdir(parents=True)
        for index in range(count):
            (tmp_path / "pics" / part / "cat" / f"{index}.png").touch()
    config = preset_config("fast", data=f"folder:{tmp_path / 'pics'}", epochs=1)
    guess = guessed(config, store, cpu)
    assert guess.seconds == pytest.approx((36 + 16 / 3) / guess.images_per_s)
    (tmp_path / "empty").mkdir()
    unknown = guessed(replace(config, data=f"folder:{tmp_path / 'empty'}"), store, cpu)
    assert unknown.seconds is None and unknown.steps_per_epoch is None


def test_the_matrix_product_is_really_measured():
    assert machine_speed.measure(torch.float32, 1).now > 1e9


@pytest.mark.parametrize(("used", "slowed"), [(1.0, 1.0), (0.5, 2.0)])
def test_more_threads_than_processors_are_not_taken_for_a_busy_machine(monkeypatch, used, slowed):
    """Eight threads on two processors, of which the measurement gets all or half."""
    clock = SimpleNamespace(perf_counter=time.perf_counter, process_time=lambda: 2 * used * time.perf_counter())
    monkeypatch.setattr(machine_speed, "time", clock)
    monkeypatch.setattr(machine_speed, "MEASURED_S", 0.05)
    monkeypatch.setattr(machine_speed.os, "sched_getaffinity", lambda process: {0, 1}, raising=False)
    rate = machine_speed.measure(torch.float32, 8)
    assert rate.idle == pytest.approx(slowed * rate.now, rel=0.02)


def test_the_speed_is_that_of_the_runs_threads_and_the_process_keeps_its_own(tmp_path, monkeypatch):
    measured = []

    def measure(precision, threads):
        with ThreadPoolExecutor(1) as other:  # that the page uses for the first time meanwhile
            measured.append((threads, torch.get_num_threads(), other.submit(torch.get_num_threads).result()))
        return MatmulRate(1e11, 1e11)

    monkeypatch.setattr(machine_speed, "_measure", measure)
    monkeypatch.setattr(machine_speed, "_busy", {})
    before = torch.get_num_threads()
    of_earlier_version = {f"CPU, 3 threads, torch {torch.__version__}": 8e11}
    (tmp_path / "data").mkdir()
    replace_json(tmp_path / "data" / "machine-speed.json", of_earlier_version)
    store, config = RunStore(tmp_path), preset_config("fast", threads=3)
    guess = guessed(config, store, choose_device("cpu", "float32", threads=3))
    assert measured == [(3, 3, before)] and torch.get_num_threads() == before
    assert guess.images_per_s == pytest.approx(0.7 * 1e11 / (6 * 83_431_424))


def test_the_device_says_why_it_was_chosen():
    assert choose_device("cpu", "float32", threads=1).name == "CPU, 1 thread"
    assert choose_device("cpu", "bfloat16", threads=2).name == "CPU, 2 threads, bfloat16"
    assert choose_device("cpu").reason.startswith("Trains on CPU") and "as chosen" in choose_device("cpu").reason
    assert choose_device().reason.endswith(".") and choose_device("cpu", "bfloat16").precision is torch.bfloat16


def test_a_device_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="finds no CUDA device here") as refused:
        choose_device("cuda")
    assert "resume" not in str(refused.value)  # who fills in the form has no run yet
    assert choose_device().device.type == "cpu" and "finds no GPU here" in choose_device().reason


@pytest.mark.parametrize(
    "able, library, expected",
    [
        ({"avx512_bf16": True, "amx_bf16": False}, True, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": True}, True, torch.bfloat16),
        ({"avx512_bf16": True, "amx_bf16": True}, False, torch.float32),
        ({"avx512_f": True, "avx512_bf16": False}, True, torch.float32),
        ({"architecture": "arm64", "bf16": True}, True, torch.float32),
    ],
)
def test_a_cpu_computes_in_bfloat16_where_it_multiplies_it_natively(monkeypatch, able, library, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: library)
    assert choose_device("cpu").precision is expected
    assert choose_device("cpu", "float32").precision is torch.float32


@pytest.mark.parametrize(("native", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_gpu_goes_first_and_computes_in_bfloat16_where_it_has_it(monkeypatch, native, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA H100")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (6, 1))  # older than float16 in matrix products
    choice = choose_device()
    assert (choice.device.type, choice.name, choice.precision) == ("cuda", "NVIDIA H100", expected)


def test_what_was_measured_on_a_busy_machine_is_a_range_and_measured_again(store, cpu, tmp_path, monkeypatch):
    measured = [MatmulRate(1e10, 1e11), MatmulRate(8e10, 8e10)]
    monkeypatch.setattr(machine_speed, "measure", lambda *_: measured.pop(0))
    monkeypatch.setattr(machine_speed, "_busy", {})
    monkeypatch.setattr(estimating, "matmul_rate", matmul_rate)
    busy = guessed(preset_config("fast"), store, cpu)
    assert busy.is_busy and busy.about and busy.most_s > 10 * busy.least_s
    assert busy.least_s < busy.seconds < busy.most_s and "busy now" in plan_html("", busy, {})
    beside = plan_html("", busy, {}, one_trains=True)  # its card says another time, and the right one
    assert "Takes" not in beside and "busy now" not in beside and "its card says" in beside
    assert guessed(preset_config("fast"), store, cpu) == busy and len(measured) == 1  # within a minute not again
    monkeypatch.setattr(machine_speed, "AGAIN_S", 0.0)
    idle = guessed(preset_config("fast"), store, cpu)
    assert not idle.is_busy and measured == [] and "busy" not in plan_html("", idle, {})
    monkeypatch.setattr(machine_speed, "_busy", {})  # another start of the app
    assert guessed(preset_config("fast"), store, cpu) == idle


def test_a_batch_larger_than_the_data_is_foreseen(store, cpu):
    guess = guessed(preset_config("tour", batch_size=128, train_images=64), store, cpu)
    assert guess.steps_per_epoch == 0 and "do not fill one batch" in plan_html("", guess, {})
    assert plan_html("", guess, {}, one_trains=True) == plan_html("", guess, {})

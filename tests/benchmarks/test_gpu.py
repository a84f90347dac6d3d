"""The command for a GPU, rehearsed on the CPU: every part of it, its time limits, and what comes back."""

import shutil
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from benchmarks.gpu import __main__ as command
from benchmarks.gpu import correct, join, kernels, loops, minute, modes, packing, speed, supervision, training_runs
from benchmarks.gpu.checks import run_checks
from benchmarks.gpu.networks import noise
from benchmarks.gpu.setting import Setting
from resnet_demo.models.checkpoint import load_model
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.training.cuda_graph import WARM_UP_STEPS
from resnet_demo.workers.launcher import kill_tree
from tests.support.checkpoints import make_run

ROOT = Path(__file__).parents[2]
PARTS = ("smoke", "data", "correct", "speed", "kernels", "minute", "accurate", "small")
DOCUMENTED = ("data", "correct", "speed", "kernels", "minute", "accurate")  # in the call that docs/benchmarks.md names


@pytest.fixture
def images(tmp_path):
    """Ten classes of eight images to train on and two to test on."""
    random = np.random.RandomState(0)
    for part, count in (("train", 8), ("test", 2)):
        for label in range(10):
            folder = tmp_path / "images" / part / f"class{label}"
            folder.mkdir(parents=True)
            for index in range(count):
                Image.fromarray(random.randint(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    return tmp_path / "images"


def rehearse(data: Path, folder: Path, *parts: str) -> tuple[subprocess.CompletedProcess, Path]:
    arguments = ["--output", folder / "out", "--work", folder / "work", "--device", "cpu", "--tiny", "--minutes", "10"]
    words = [sys.executable, "-m", "benchmarks.gpu", data, *arguments, *(["--parts", *parts] if parts else [])]
    words = list(map(str, words))
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            said = process.communicate(timeout=600)
        except BaseException:  # a part that goes on alone would hold the processors, and this test for ever
            kill_tree(process.pid)
            raise
    return subprocess.CompletedProcess(words, process.returncode, *said), folder / "out"


def test_a_part_leaves_its_table_its_log_and_an_archive(images, tmp_path):
    done, out = rehearse(images, tmp_path, "data")
    assert done.returncode == 0, done.stderr
    assert "80 images to train on, 20 to test on, 10 classes" in (out / "report.md").read_text()
    assert sorted(path.name for path in out.iterdir()) == ["details.tar.gz", "log.txt", "report.md"]
    with tarfile.open(out / "details.tar.gz") as archive:
        assert {"data.md", "data.json"} <= set(archive.getnames())


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_part_runs_on_the_cpu(images, tmp_path):
    archive = tmp_path / "images.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        for path in sorted(images.iterdir()):
            tar.add(path, path.name)
    done, out = rehearse(archive, tmp_path)
    report = (out / "report.md").read_text()
    assert done.returncode == 0, report + done.stderr
    assert "FAILED" not in report and "not run" not in report
    for part in PARTS:
        assert f"Part `{part}` took" in report
    files = list(out.iterdir())
    assert len(files) <= 8 and all(path.stat().st_size <= 16 * 2**20 for path in files)
    pieces = list(out.glob("accurate-*.piece*"))
    assert len(pieces) == 2  # 22 MB of a ResNet-18 in bfloat16
    arguments = [*pieces, out / "details.tar.gz", "--output", tmp_path / "run"]
    assert join.main(list(map(str, arguments))) == 0
    run = RunDirectory(tmp_path / "run")
    assert run.view().ended.outcome == "finished" and run.config().preset == "accurate"
    assert load_model(run.model_path)[1].epoch == 1


def test_a_missing_package_is_one_line_before_anything_starts(images, tmp_path, monkeypatch, capsys):
    find = command.importlib.util.find_spec
    monkeypatch.setattr(command.importlib.util, "find_spec", lambda name: None if name == "sklearn" else find(name))
    assert command.main([str(images), "--output", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "These packages are missing: scikit-learn. Install them and start again.\n"
    assert not (tmp_path / "out").exists()


def test_without_a_gpu_the_rehearsal_is_named(images, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert command.main([str(images), "--output", str(tmp_path / "out")]) == 2
    assert "--device cpu --tiny" in capsys.readouterr().err


@pytest.mark.parametrize("parts", [PARTS, DOCUMENTED])
@pytest.mark.parametrize(("used", "images_s"), [(0.3, 25), (1.0, 25), (1.0, 90)])
def test_the_parts_time_limits_never_exceed_the_minutes(parts, used, images_s):
    """Whether a part takes all of its time or leaves some to those behind it."""
    remaining, limits = 540.0, {}
    for place, part in enumerate(parts):
        limits[part] = command._limit(list(parts[place:]), remaining)
        remaining -= images_s if part == "data" else used * limits[part]
    assert remaining >= -1e-6 and min(limit for part, limit in limits.items() if part != "small") >= 15
    assert command._limit(["accurate"], 300) == 300 and command._limit(["smoke"], 600) == 100


@pytest.mark.parametrize("used", [0.3, 1.0])
def test_the_documented_call_has_time_for_each_part(used):
    remaining, limits = 60 * 9.2 - command.PACKING_S - 25, {}
    for place, part in enumerate(DOCUMENTED[1:], start=1):
        limits[part] = command._limit(list(DOCUMENTED[place:]), remaining)
        remaining -= used * limits[part]
    assert limits["accurate"] >= 190
    assert limits["minute"] >= 60 + 2 * 10 + training_runs.SAVING_S  # it starts PyTorch twice
    # Its start, the card's own rates and the loops of one stem come before the compiler.
    assert limits["speed"] >= 10 + 4 + 20 + speed.MEASURING_S + speed.COMPILING_S


def test_compiling_comes_right_behind_what_is_compared_with_it():
    cifar = ("resnet50", "cifar", 256)
    order = [(spec.arch, spec.stem, batch, *modes) for spec, batch, modes in speed.FIRST]
    assert order == [(*cifar, "eager", "CUDA graph"), (*cifar, "compiled")]
    rest = [(spec, batch, mode) for spec, batch, modes in speed.rest() for mode in modes]
    assert len(rest) == len(set(rest)) and not {(*pair[:2], pair[2][0]) for pair in speed.FIRST} & set(rest)


def test_the_images_come_first_whatever_is_wanted_of_them():
    """Without them the parts behind have nothing to do."""
    assert command._limit(["data", "speed", "accurate"], 570) == command.PARTS["data"].most_s
    assert command._limit(["data", "speed", "accurate"], 40) == 40


def test_a_part_is_ended_at_its_limit_with_all_that_it_has_started(tmp_path, monkeypatch):
    """Also what has a session of its own, and what it has said by then stays."""
    program = (
        "import subprocess, sys, time; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True); "
        "print('child', child.pid, flush=True); time.sleep(600)"
    )
    monkeypatch.setattr(supervision, "command", lambda setting: [sys.executable, "-c", program])
    setting = Setting("smoke", "cpu", True, tmp_path, tmp_path, time.time() + 5)
    looks = []
    assert "time limit" in supervision.run_part(setting, lambda: looks.append(1))
    _, pid = (tmp_path / "smoke.log").read_text().split()
    assert looks and not psutil.pid_exists(int(pid))


def test_a_part_that_fails_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(supervision, "command", lambda setting: [sys.executable, "-c", "raise SystemExit(3)"])
    setting = Setting("smoke", "cpu", True, tmp_path, tmp_path, time.time() + 60)
    assert "ended with 3" in supervision.run_part(setting)


# --- what comes back ------------------------------------------------------------------------------------------


@pytest.fixture
def sent(tmp_path, store, monkeypatch):
    """A run's weights as they come back, in many small pieces, and the archive."""
    monkeypatch.setattr(packing, "PIECE_BYTES", 5_000_000)
    monkeypatch.setattr(packing, "SMALL_BYTES", 1_000_000)
    work, out = tmp_path / "work", tmp_path / "out"
    run = make_run(type(store)(work / "runs" / "accurate" / "accurate"), "trained")
    out.mkdir()
    assert packing.pack(work, out) == []
    return run, sorted(out.glob("*.piece*")), out / "details.tar.gz"


def test_pieces_become_the_run_that_was_sent(sent, tmp_path):
    run, pieces, archive = sent
    assert len(pieces) == 5
    target = tmp_path / "here"
    assert join.main([*map(str, reversed(pieces)), str(archive), "--output", str(target)]) == 0
    model, info = load_model(target / "model.safetensors")
    was, joined = load_file(run.model_path), load_file(target / "model.safetensors")
    assert info == run.model_info() and RunDirectory(target).config() == run.config()
    assert joined["conv1.weight"].dtype == torch.bfloat16 and joined["bn1.running_var"].dtype == torch.float32
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, was[name], rtol=2**-8, atol=0)


@pytest.mark.usefixtures("sent")
def test_what_an_earlier_part_has_sent_stays_whole_where_packing_is_ended(tmp_path, monkeypatch):
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    def killed(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(packing, "narrowed", killed)
    with pytest.raises(KeyboardInterrupt):
        packing.pack(tmp_path / "work", tmp_path / "out")
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.usefixtures("sent")
def test_pieces_of_a_run_that_is_no_more_are_removed(tmp_path):
    shutil.rmtree(tmp_path / "work" / "runs")
    packing.pack(tmp_path / "work", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["details.tar.gz", "log.txt"]


def test_a_damaged_or_missing_piece_is_named_and_nothing_is_written(sent, tmp_path, capsys):
    _, pieces, _ = sent
    target = tmp_path / "here"
    assert join.main([*map(str, pieces[1:]), "--output", str(target)]) == 1
    assert "Of 5 pieces these are missing: 1." in capsys.readouterr().err
    whole = pieces[2].read_bytes()
    pieces[2].write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert join.main([*map(str, pieces), "--output", str(target)]) == 1
    assert f"{pieces[2]} is damaged" in capsys.readouterr().err
    assert join.main([__file__, "--output", str(target)]) == 1
    assert "is no piece of weights" in capsys.readouterr().err
    assert not target.exists()


def test_weights_that_there_is_no_room_for_are_named(sent, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "PIECES", 4)
    (tmp_path / "second").mkdir()
    left_out = packing.pack(tmp_path / "work", tmp_path / "second")
    assert len(left_out) == 1 and "accurate/accurate/trained" in left_out[0]
    assert not list((tmp_path / "second").glob("*.piece*"))


# --- small parts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("void cudnn::bn_fw_tr_1C11_kernel_NCHW<float>", "batch norm"),
        ("triton_poi_fused__native_batch_norm_legit_functional_add_relu_12", "compiled (fused)"),
        ("triton_per_fused_convolution_backward_sum_3", "compiled (fused)"),
        ("void cudnn::engines_precompiled::nchwToNhwcKernel<__nv_bfloat16>", "copies, fills and precision"),
        ("void cudnn::ops::nhwcToNchwKernel<float, float>", "copies, fills and precision"),
        ("void at::native::bfloat16_copy_kernel_cuda", "copies, fills and precision"),
        ("cutlass::device_kernel<cute::Copy_Atom<SM90_TMA_LOAD>>", "convolutions and products"),
        ("at::native::multi_tensor_apply_kernel<TensorListMetadata<1>, LpNormFunctor<float>>", "gradient norm"),
        ("void at::native::lpnorm_cleanup<float, NormType::L2>", "gradient norm"),
        ("sm90_xmma_fprop_implicit_gemm_bf16bf16", "convolutions and products"),
        ("void at::native::multi_tensor_apply_kernel<FusedSgd>", "optimizer and averages"),
        ("void at::native::vectorized_elementwise_kernel<4, relu>", "elementwise"),
        ("Memcpy HtoD (Pinned -> Device)", "copies, fills and precision"),
        ("something of tomorrow", "all else"),
    ],
)
def test_kernels_are_counted_by_kind(name, kind):
    assert kernels.kind_of(name) == kind


def test_the_articles_loop_has_pytorchs_own_precision_whatever_the_others_set(monkeypatch):
    def plain(*given, **named):
        while True:
            seen.append(torch.get_float32_matmul_precision())
            yield

    seen, before = [], torch.get_float32_matmul_precision()
    monkeypatch.setattr(loops, "plain_loop", plain)
    loop = loops.article_loop(noise(20), "cpu", 4)
    try:
        for wanted in ("highest", "high", "high"):  # what runs before each step
            torch.set_float32_matmul_precision(wanted)
            next(loop)
            assert torch.get_float32_matmul_precision() == wanted
    finally:
        torch.set_float32_matmul_precision(before)
    assert seen == ["highest"] * 3


def test_idle_is_what_the_kernels_leave_of_a_step_that_no_profiler_slows_down():
    profiled = kernels.StepProfile({"loss": 0.001, "pooling": 0.002}, {}, 7)
    assert (
        kernels.summary(profiled, 0.004)
        == "7 kernels a step, 3.00 ms of them in a step of 4.00 ms: idle for 25.0% of it"
    )
    assert "idle for 0.0%" in kernels.summary(profiled, 0.002) and "not timed" in kernels.summary(profiled, None)


def test_the_epochs_of_accurate_fit_the_time():
    within = training_runs.epochs_within
    assert within(285, 9000) == 37 and within(285, 1e9) > 100 and within(5, 9000) == 1


def test_accurate_ends_before_its_limit_even_where_it_is_slower_than_measured(tmp_path):
    """A run that is paused at its limit cannot be shipped."""
    setting = Setting("accurate", "cuda", False, tmp_path, tmp_path, time.time() + 200)
    config = preset_config("accurate")
    replace(setting, part="speed").keep(rates={modes.key(config, "eager"): 9000})
    epochs = training_runs.epochs_in_time(setting, config)
    slower_s = 25 + epochs * ((48_000 + 12_000 / 3) / (0.88 * 9000) + 0.5)
    assert epochs > 20 and slower_s < 200 - training_runs.SAVING_S


@pytest.mark.parametrize("limit_s", [95, 500])
@pytest.mark.parametrize(("images_per_s", "epochs"), [(1e6, 24), (25_000, 17)])
def test_the_preset_minute_has_the_epochs_that_a_minute_has_time_for(tmp_path, images_per_s, epochs, limit_s):
    """However long its part may take."""
    config = preset_config("minute")
    setting = Setting("minute", "cuda", False, tmp_path, tmp_path, time.time() + limit_s)
    replace(setting, part="data").keep(source="folder:images")
    replace(setting, part="speed").keep(rates={modes.key(config, "eager"): images_per_s})
    assert minute.config_of(setting).epochs == epochs


@pytest.mark.parametrize(
    ("failed", "seconds", "mode"),
    [
        ([], 300, {"compile": True}),
        ([], 30, {"cuda_graph": True}),
        (["replays"], 30, {}),
        (None, 30, {}),
    ],
)
def test_a_run_takes_the_mode_that_pays_within_its_time_and_is_right(tmp_path, failed, seconds, mode):
    config = preset_config("accurate")
    rates = {modes.key(config, "eager"): 5000, modes.key(config, "CUDA graph"): 6000}
    setting = Setting("accurate", "cuda", False, tmp_path, tmp_path, time.time())
    replace(setting, part="speed").keep(rates={**rates, modes.key(config, "compiled"): 8000})
    if failed is not None:
        replace(setting, part="correct").keep(failed=failed)
    assert modes.fastest(setting, config, seconds) == mode
    assert modes.rate_of(setting, replace(config, **{**mode})) == {"compile": 8000, "cuda_graph": 6000}.get(
        next(iter(mode), ""), 5000
    )


def test_a_check_that_has_held_is_kept_before_the_next_begins(tmp_path):
    """The process may be killed in any of them."""
    setting = Setting("correct", "cuda", False, tmp_path, tmp_path, time.time() + 60)
    kept = []

    def replays(setting):
        return "every bit"

    def fails(setting):
        kept.append((setting.found("correct")["failed"], modes.graph_is_right(setting)))
        raise AssertionError("apart")

    def last(setting):
        kept.append((setting.found("correct")["failed"], modes.graph_is_right(setting)))
        return "well"

    with pytest.raises(SystemExit):
        run_checks(setting, [replays, fails, last])
    assert kept == [(["fails", "last"], True)] * 2 and setting.found("correct")["failed"] == ["fails"]


def test_what_later_parts_depend_on_is_checked_first(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(correct, "run_checks", lambda setting, checks: begun.extend(checks))
    correct.run(Setting("correct", "cuda", False, tmp_path, tmp_path, time.time() + 60))
    assert begun[0] is correct.replays


def test_the_check_that_starts_the_most_processes_is_the_last(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(correct, "run_checks", lambda setting, checks: begun.extend(checks))
    correct.run(Setting("correct", "cuda", False, tmp_path, tmp_path, time.time() + 60))
    assert [check.__name__ for check in begun[-3:]] == ["out_of_memory", "answers_alike", "survives"]


def test_a_run_replays_before_it_is_stopped_and_after_it_is_resumed(tmp_path, monkeypatch):
    stops = []
    monkeypatch.setattr(correct, "_trained", lambda config, stop_at=None: stops.append(stop_at))
    monkeypatch.setattr(correct, "_apart", lambda first, second: 0.0)
    found = correct.replays(Setting("correct", "cuda", True, tmp_path, tmp_path, time.time() + 60))
    (stop_at,) = filter(None, stops)
    assert WARM_UP_STEPS < stop_at < 10 - WARM_UP_STEPS and "after 10 steps" in found


def test_the_fastest_kernels_are_chosen_before_others_are(tmp_path, monkeypatch):
    """cuDNN keeps, as long as the process lives, what it has chosen for a convolution first."""
    begun = []
    monkeypatch.setattr(correct, "run_checks", lambda setting, checks: begun.extend(checks))
    correct.run(setting := Setting("speed", "cuda", True, tmp_path, tmp_path, time.time() + 60))
    names = [check.__name__ for check in begun]
    first_other = min(place for place, name in enumerate(names) if name == "scales" or "bfloat16" in name)
    assert max(names.index("continues_alike_enough"), names.index("repeats")) < first_other
    seen = []
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    monkeypatch.setattr(speed, "_ceilings", lambda setting: (1.0, 1.0))
    monkeypatch.setattr(speed, "load_dataset", lambda source, data_dir: iter(()))
    monkeypatch.setattr(speed, "measure_loops", lambda *_: seen.append(torch.backends.cudnn.benchmark))
    monkeypatch.setattr(speed.Grid, "measure_all", lambda *_: None)
    replace(setting, part="data").keep(source="digits")
    speed.run(setting)
    assert seen == [True]


def test_flags_are_the_settings(tmp_path):
    from benchmarks.gpu.training_runs import flags
    from resnet_demo.cli.main import parser

    config = replace(preset_config("minute"), data="digits", compile=True, flip=False)
    options = vars(parser().parse_args(["train", *flags(config)]))
    assert {name: options[name] for name in config.to_dict() if name != "start_from"} == {
        name: value for name, value in config.to_dict().items() if name != "start_from"
    }

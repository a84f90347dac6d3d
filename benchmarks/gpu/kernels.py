"""Where a training step's time goes: its kernels summed by kind, and how long the device stands idle.

A part of its own, behind all rates: once it has been used, CUPTI stays attached to the process, and its steps are 10 to
20 % slower.
"""

import os
import traceback
from collections import defaultdict
from dataclasses import dataclass, replace

from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.checks import one_line
from benchmarks.gpu.loops import Loop, forget, seconds, trainer_loop
from benchmarks.gpu.modes import COMPILED, MODES, QUICK, WARM_UP_STEPS, key, synchronize
from benchmarks.gpu.networks import CIFAR, COMPACT, IMAGENET, SMALL, TINY, name_of
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.smoke import config_for
from resnet_demo.models.resnet import NetworkSpec

KINDS = [  # what a kernel's time is counted as; the first whose word is in its name
    ("compiled (fused)", ("triton",)),  # named after all that it fuses
    ("gradient norm", ("lpnorm",)),  # by the optimizer's means, but where a step is logged
    ("optimizer and averages", ("multi_tensor", "fused_adam", "fused_sgd", "optimizer", "lerp")),
    ("batch norm", ("batch_norm", "batchnorm", "bn_", "welford")),
    ("copies, fills and precision", ("nchwtonhwc", "nhwctonchw")),  # cuDNN's
    ("convolutions and products", (
        "conv", "gemm", "xmma", "cutlass", "cudnn", "wgrad", "dgrad", "nvjet", "sm90_", "sm80_", "aten::mm", "addmm",
    )),
    ("pooling", ("pool",)),
    ("copies, fills and precision", ("memcpy", "memset", "copy", "fill", "cast", "to_copy")),
    ("loss", ("softmax", "nll", "cross_entropy")),
    ("elementwise", ("elementwise", "vectorized", "aten::add", "relu", "threshold", "clamp", "index")),
    ("sums", ("reduce", "sum")),
]  # fmt: skip
STEPS = 3
NAMED = 15  # kernels named in the log
PROFILING_S = {False: 6.0, True: 30.0}  # by whether it is compiled: not begun with less time


@dataclass(frozen=True)
class StepProfile:
    """Means of one step."""

    seconds: dict[str, float]  # by kind, the most first
    kernels: dict[str, float]  # seconds by name, the most first
    count: float  # kernels

    @property
    def all_seconds(self) -> float:
        return sum(self.seconds.values())


def run(setting: Setting) -> None:
    # Where CUDA graphs are replayed it may crash to be detached and attached again.
    os.environ.setdefault("TEARDOWN_CUPTI", "0")
    setting.report("## Where does a step's time go?\n")
    setting.report(
        "Idle is the share of a step, as part `speed` has timed it without the profiler, in which no kernel runs: 1 - "
        "the kernels' seconds / the step's. The profiler may miss or stretch kernels of a CUDA graph: compare their "
        "number with the eager step's.\n"
    )
    for spec, batch, mode in plan(setting):
        if setting.remaining_s < PROFILING_S[mode in COMPILED] and not setting.tiny:
            setting.note(f"Not profiled, for want of time: {name_of(spec)} at {batch} ({mode}).\n", below=True)
            continue
        try:
            _profile(setting, spec, batch, mode)
        except Exception as error:  # noqa: BLE001 - the next step is profiled all the same
            traceback.print_exc()
            setting.report(f"{name_of(spec)}, batch {batch}, {mode}: {one_line(error)}\n")
        forget()


def plan(setting: Setting) -> list[tuple[NetworkSpec, int, str]]:
    if setting.tiny:
        return [(TINY[0], 16, mode) for mode in QUICK]
    eager_and_graph = [(*pair, mode) for pair in [(SMALL, 512), (IMAGENET, 128), (COMPACT, 128)] for mode in QUICK]
    compiled = [(*pair, mode) for pair in [(CIFAR, 256), (SMALL, 512)] for mode in COMPILED]
    return [*((CIFAR, 256, mode) for mode in QUICK), compiled[0], *eager_and_graph, *compiled[1:]]


def _profile(setting: Setting, spec: NetworkSpec, batch: int, mode: str) -> None:
    config = replace(config_for(setting, spec, batch_size=batch), **MODES[mode])
    loop = trainer_loop(config, 200 if setting.tiny else 20_000)
    seconds(loop, 1 if setting.tiny else WARM_UP_STEPS, setting.device)
    profiled = profile_step(loop, setting.device)
    rate = setting.found("speed").get("rates", {}).get(key(config, mode))
    print(f"{name_of(spec)}, batch {batch}, {mode}")
    log(profiled)
    setting.report(f"**{name_of(spec)}, batch {batch}, {mode}**: {summary(profiled, rate and batch / rate)}.\n")
    for line in (*table(profiled), ""):
        setting.report(line)


def summary(profiled: StepProfile, step_s: float | None) -> str:
    """How many kernels, and how idle the device is, for a step that takes `step_s` without the profiler."""
    kernels = f"{profiled.count:.0f} kernels a step, {1e3 * profiled.all_seconds:.2f} ms of them"
    if step_s is None:
        return f"{kernels}; the step was not timed"
    idle = max(0.0, 1 - profiled.all_seconds / step_s)
    return f"{kernels} in a step of {1e3 * step_s:.2f} ms: idle for {idle:.1%} of it"


def profile_step(loop: Loop, device: str) -> StepProfile:
    """Of a loop that is warm. Raises RuntimeError where the profiler sees no kernel."""
    activity = ProfilerActivity.CUDA if device == "cuda" else ProfilerActivity.CPU
    wanted = DeviceType.CUDA if device == "cuda" else DeviceType.CPU
    synchronize(device)
    with profile(activities=[activity]) as profiled:
        for _ in range(STEPS):
            next(loop)
        synchronize(device)
    # Annotations span the kernels that they name, and would count them twice.
    seen = [e for e in profiled.events() if e.device_type == wanted and not getattr(e, "is_user_annotation", False)]
    if not seen:
        raise RuntimeError("The profiler saw no kernel.")
    kernels: dict[str, float] = defaultdict(float)
    kinds: dict[str, float] = defaultdict(float)
    for event in seen:
        spent = (event.time_range.elapsed_us() if device == "cuda" else event.self_cpu_time_total) / 1e6 / STEPS
        kernels[event.name] += spent
        kinds[kind_of(event.name)] += spent
    return StepProfile(_most_first(kinds), _most_first(kernels), len(seen) / STEPS)


def kind_of(name: str) -> str:
    lower = name.lower()
    return next((kind for kind, words in KINDS if any(word in lower for word in words)), "all else")


def _most_first(seconds: dict[str, float]) -> dict[str, float]:
    return dict(sorted(seconds.items(), key=lambda pair: -pair[1]))


def table(profiled: StepProfile) -> list[str]:
    lines = ["| kernels of one step | ms | share |", "|---|---|---|"]
    return lines + [
        f"| {kind} | {1e3 * s:.2f} | {s / profiled.all_seconds:.1%} |" for kind, s in profiled.seconds.items()
    ]


def log(profiled: StepProfile) -> None:
    for name, spent in list(profiled.kernels.items())[:NAMED]:
        print(f"{1e3 * spent:9.3f} ms  {name[:120]}", flush=True)

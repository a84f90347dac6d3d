"""One training step under the profiler: its kernels summed by kind, and how long the device stands idle."""

from collections import defaultdict
from dataclasses import dataclass

from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu.loops import Loop
from benchmarks.gpu.modes import synchronize

KINDS = {  # what a kernel's time is counted as; the first whose word is in its name
    "optimizer and averages": ("multi_tensor", "fused_adam", "fused_sgd", "optimizer", "lerp"),
    "batch norm": ("batch_norm", "batchnorm", "bn_", "welford"),
    "compiled (fused)": ("triton",),
    "convolutions and products": (
        "conv", "gemm", "xmma", "cutlass", "cudnn", "wgrad", "dgrad", "nvjet", "sm90_", "sm80_", "aten::mm", "addmm",
    ),
    "pooling": ("pool",),
    "copies, fills and precision": ("memcpy", "memset", "copy", "fill", "cast", "to_copy"),
    "loss": ("softmax", "nll", "cross_entropy"),
    "elementwise": ("elementwise", "vectorized", "aten::add", "relu", "threshold", "clamp", "index"),
    "sums": ("reduce", "sum"),
}  # fmt: skip
STEPS = 3
NAMED = 15  # kernels named in the log


@dataclass(frozen=True)
class StepProfile:
    """Means of one step."""

    seconds: dict[str, float]  # by kind, the most first
    kernels: dict[str, float]  # seconds by name, the most first
    count: float  # kernels
    busy: float  # 0..1 of the time from the first kernel to the last


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
    spans = sorted((event.time_range.start, event.time_range.end) for event in seen)
    return StepProfile(_most_first(kinds), _most_first(kernels), len(seen) / STEPS, _busy(spans))


def kind_of(name: str) -> str:
    lower = name.lower()
    return next((kind for kind, words in KINDS.items() if any(word in lower for word in words)), "all else")


def _most_first(seconds: dict[str, float]) -> dict[str, float]:
    return dict(sorted(seconds.items(), key=lambda pair: -pair[1]))


def _busy(spans: list[tuple[float, float]]) -> float:
    """The share of the whole time in which at least one of the spans runs."""
    covered, reached = 0.0, spans[0][0]
    for start, end in spans:
        covered += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return covered / max(reached - spans[0][0], 1e-9)


def table(profiled: StepProfile) -> list[str]:
    whole = sum(profiled.seconds.values())
    lines = ["| kernels of one step | ms | share |", "|---|---|---|"]
    return lines + [f"| {kind} | {1e3 * s:.2f} | {s / whole:.1%} |" for kind, s in profiled.seconds.items()]


def log(profiled: StepProfile) -> None:
    for name, spent in list(profiled.kernels.items())[:NAMED]:
        print(f"{1e3 * spent:9.3f} ms  {name[:120]}", flush=True)

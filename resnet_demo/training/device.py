"""Which device trains, in which precision, and the sentence that says why."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch

from resnet_demo.errors import UserError
from resnet_demo.language import t
from resnet_demo.runs.config import TrainConfig
from resnet_demo.text import listed, plural

FIRST_WITH_FLOAT16 = (7, 0)  # compute capability of the first with matrix units for it


class DeviceError(UserError):
    """The wanted device is not there, or cannot train as wanted: a sentence for people."""


class AbsentDevice(DeviceError):
    """PyTorch does not find the wanted one."""


@dataclass(frozen=True)
class DeviceChoice:
    """`name` is the hardware's, `reason` a sentence, `precision` what matrix products are computed in."""

    device: torch.device
    name: str
    reason: str
    precision: torch.dtype

    def autocast(self) -> AbstractContextManager:
        """Within it matrix products are computed in this precision. On CUDA each weight is converted where it is used,
        which is once: a cache would save nothing, and its tensors may not be part of a recorded step."""
        enabled, cached = self.precision is not torch.float32, self.device.type != "cuda"
        return torch.autocast(self.device.type, self.precision, enabled=enabled, cache_enabled=cached)

    def facts(self, processes: int) -> dict[str, Any]:
        """On what the rounding of a run's numbers depends, in plain types: kept with the run."""
        return {
            "device": self.name,
            "kind": self.device.type,
            "precision": str(self.precision).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "processes": processes,
            "torch": str(torch.__version__),
        }

    def changes_since(self, before: dict[str, Any], processes: int) -> tuple[str, ...]:
        """The sentence for a run that began by other `facts`; none where its numbers stay what they would have been."""
        now = self.facts(processes)
        others = [name for name in ("device", "precision", "torch") if now[name] != before[name]]
        if not others:
            return ()
        changes = ", ".join(f"{name} {before[name]}, now {now[name]}" for name in others)
        return (
            f"It was trained otherwise before ({changes}), so from here on its numbers are not quite those of a run "
            "that was never paused.",
        )


def choose_device(wanted: str = "auto", precision: str = "auto", threads: int = 0, processes: int = 1) -> DeviceChoice:
    """CUDA, then Apple's GPU, then the CPU, unless one is `wanted`; raises DeviceError where that is absent, or not
    enough for so many processes.

    `threads` is what the CPU's name will say; 0 = as many as PyTorch has chosen.
    """
    kind = find_device(wanted)
    computes_in = _precision(kind, precision)
    name, reason = _describe(
        kind, wanted != "auto", threads or torch.get_num_threads(), bfloat16=computes_in is torch.bfloat16
    )
    choice = DeviceChoice(torch.device(kind), name, reason, computes_in)
    return choice if processes == 1 else _shared(choice, processes)


def available_devices() -> list[str]:
    """Of cuda, mps and cpu those that are here, the one that `auto` takes first."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [kind for kind, is_there in there.items() if is_there]


def find_device(wanted: str = "auto") -> str:
    """cuda, mps or cpu. Raises AbsentDevice where the wanted one is absent."""
    available = available_devices()
    kind = available[0] if wanted == "auto" else wanted
    if kind not in available:
        raise AbsentDevice(
            t(
                "PyTorch finds no {kind} device here. Choose 'auto', or install a PyTorch build for it.",
                kind=kind.upper(),
            )
        )
    return kind


def _shared(choice: DeviceChoice, processes: int) -> DeviceChoice:
    """The same for several processes, all on this machine unless torchrun says how many are."""
    if choice.device.type == "mps":
        raise DeviceError("Apple's GPU trains in one process only. Set Processes to 1, or the device to cpu.")
    here = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
    if choice.device.type == "cuda" and here > (gpus := torch.cuda.device_count()):
        raise DeviceError(f"Each process takes a GPU, and this machine has {gpus}, not {here}. Start at most {gpus}.")
    reason = t("{reason} {processes} processes share each batch.", reason=choice.reason, processes=processes)
    return replace(choice, name=f"{processes} x {choice.name}", reason=reason)


def _precision(kind: str, wanted: str) -> torch.dtype:
    """The wanted one, or the fastest that the device multiplies natively: bfloat16, or on NVIDIA's Volta and Turing,
    which have no bfloat16, float16. Raises DeviceError for float16 elsewhere: its loss must be scaled, by CUDA's own
    means."""
    if wanted == "float16" and kind != "cuda":
        raise DeviceError(f"float16 is for CUDA devices, not for '{kind}'. Choose the precision 'auto'.")
    if wanted != "auto":
        return getattr(torch, wanted)
    if _multiplies_bfloat16(kind):
        return torch.bfloat16
    has_float16 = kind == "cuda" and torch.cuda.get_device_capability() >= FIRST_WITH_FLOAT16
    return torch.float16 if has_float16 else torch.float32


def _multiplies_bfloat16(kind: str) -> bool:
    """Whether the device multiplies bfloat16 natively. Of CPUs those of x86 alone, by the instructions that PyTorch's
    library uses: elsewhere it may be there and still many times slower than float32."""
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)  # from compute capability 8.0 on
    if kind != "cpu":
        return False
    able = _cpu_capabilities()
    return torch.backends.mkldnn.is_available() and any(able.get(name) for name in ("avx512_bf16", "amx_bf16"))


def _cpu_capabilities() -> Mapping[str, Any]:
    if hasattr(torch.cpu, "get_capabilities"):
        return torch.cpu.get_capabilities()
    # Before PyTorch 2.11; every CPU with AMX multiplies bfloat16 by it.
    return {"avx512_bf16": torch.cpu._is_avx512_bf16_supported(), "amx_bf16": torch.cpu._is_amx_tile_supported()}


def _describe(kind: str, chosen: bool, threads: int, bfloat16: bool) -> tuple[str, str]:
    if kind == "cuda":
        name = torch.cuda.get_device_name()
        reason = t("Trains on the GPU ({name}).", name=name)
    elif kind == "mps":
        name, reason = "Apple GPU", t("Trains on the Mac's GPU: PyTorch finds no CUDA device.")
    else:
        name = f"CPU, {threads} thread{'s' if threads > 1 else ''}{', bfloat16' if bfloat16 else ''}"
        how = listed([plural(threads, "thread"), *(["bfloat16"] if bfloat16 else [])])
        reason = t("Trains on the CPU ({how}): PyTorch finds no GPU here.", how=how)
        if chosen:
            reason = t("Trains on {name}, as chosen.", name=listed(["CPU", how]))
        return name, reason
    return name, t("Trains on {name}, as chosen.", name=name) if chosen else reason


def count_gpus() -> int:
    """How many processes can have a CUDA device each."""
    return torch.cuda.device_count()


def prepare(config: TrainConfig, processes: int = 1) -> DeviceChoice:
    """Set the process up for this config: its threads, and on CUDA TF32 for float32 products, the kernels, and, of
    several processes, each its own GPU. Returns the choice."""
    if config.threads:
        torch.set_num_threads(config.threads)
    choice = choose_device(config.device, config.precision, processes=processes)
    if choice.device.type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = not config.deterministic
        if config.deterministic:
            _take_deterministic_kernels()
    return choice


@contextmanager
def no_kernel_search() -> Iterator[None]:
    """For what is computed rarely, on a batch of another size than the training's: on CUDA cuDNN would try out its
    kernels for each layer first, which takes far longer than the best of them saves."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


def _take_deterministic_kernels() -> None:
    """Before the first product is computed. Where there is no such kernel PyTorch raises RuntimeError."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Everything that is allocated here is written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # set by its module's class

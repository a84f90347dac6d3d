"""Which device trains, in which precision, and the sentence that says why."""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch

from resnet_demo.errors import UserError
from resnet_demo.runs.config import TrainConfig


class DeviceError(UserError):
    """The wanted device is not there: a sentence for people."""


@dataclass(frozen=True)
class DeviceChoice:
    """`name` is the hardware's, `reason` a sentence, `precision` what matrix products are computed in."""

    device: torch.device
    name: str
    reason: str
    precision: torch.dtype

    def autocast(self) -> AbstractContextManager:
        """Within it matrix products are computed in this precision."""
        return torch.autocast(self.device.type, self.precision, enabled=self.precision is not torch.float32)


def choose_device(wanted: str = "auto", precision: str = "auto", threads: int = 0, processes: int = 1) -> DeviceChoice:
    """CUDA, then Apple's GPU, then the CPU, unless one is `wanted`; raises DeviceError where that is absent, or not
    enough for so many processes.

    `threads` is what the CPU's name will say; 0 = as many as PyTorch has chosen.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    kind = next(k for k, there in available.items() if there) if wanted == "auto" else wanted
    if not available[kind]:
        raise DeviceError(
            f"PyTorch finds no {kind.upper()} device here. Choose 'auto', or install a PyTorch build for it."
        )
    bfloat16 = precision == "bfloat16" or (precision == "auto" and _multiplies_bfloat16(kind))
    name, reason = _describe(kind, wanted != "auto", threads or torch.get_num_threads(), bfloat16)
    choice = DeviceChoice(torch.device(kind), name, reason, torch.bfloat16 if bfloat16 else torch.float32)
    return choice if processes == 1 else _shared(choice, processes)


def _shared(choice: DeviceChoice, processes: int) -> DeviceChoice:
    """The same for several processes, all on this machine unless torchrun says how many are."""
    if choice.device.type == "mps":
        raise DeviceError("Apple's GPU trains in one process only. Set Processes to 1, or the device to cpu.")
    here = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
    if choice.device.type == "cuda" and here > (gpus := torch.cuda.device_count()):
        raise DeviceError(f"Each process takes a GPU, and this machine has {gpus}, not {here}. Start at most {gpus}.")
    reason = f"{choice.reason} {processes} processes share each batch."
    return replace(choice, name=f"{processes} x {choice.name}", reason=reason)


def _multiplies_bfloat16(kind: str) -> bool:
    """Whether the device multiplies bfloat16 natively. Of CPUs those of x86 alone, by the instructions that PyTorch's
    library uses: elsewhere it may be there and still many times slower than float32."""
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)  # from compute capability 8.0 on
    if kind != "cpu":
        return False
    able = torch.cpu.get_capabilities()
    return torch.backends.mkldnn.is_available() and any(able.get(name) for name in ("avx512_bf16", "amx_bf16"))


def _describe(kind: str, chosen: bool, threads: int, bfloat16: bool) -> tuple[str, str]:
    if kind == "cuda":
        name = torch.cuda.get_device_name()
        reason = f"Trains on the GPU ({name})."
    elif kind == "mps":
        name, reason = "Apple GPU", "Trains on the Mac's GPU: PyTorch finds no CUDA device."
    else:
        name = f"CPU, {threads} thread{'s' if threads > 1 else ''}{', bfloat16' if bfloat16 else ''}"
        reason = f"Trains on the CPU ({name.removeprefix('CPU, ')}): PyTorch finds no GPU here."
    return name, f"Trains on {name}, as chosen." if chosen else reason


def count_gpus() -> int:
    """How many processes can have a CUDA device each."""
    return torch.cuda.device_count()


def prepare(config: TrainConfig, earlier_threads: int | None = None, processes: int = 1) -> DeviceChoice:
    """Set the process up for this config: as many threads as an earlier start of the run had (sums depend on it),
    and on CUDA TF32 for float32 products and, of several processes, each its own GPU. Returns the choice."""
    if threads := earlier_threads or config.threads:
        torch.set_num_threads(threads)
    choice = choose_device(config.device, config.precision, processes=processes)
    if choice.device.type == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
        torch.set_float32_matmul_precision("high")
        torch.backends.cudnn.benchmark = True
    return choice

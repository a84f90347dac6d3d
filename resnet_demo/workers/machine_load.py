"""What a worker's process takes of the machine: psutil's figures, and CUDA's own counters."""

import importlib.util
from typing import Any

import psutil


class MachineLoad:
    """Reads for one process; `cpu_percent` is the mean since the last reading, 100 for each core it keeps busy."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first reading has no earlier one to compare with: it is always 0
        self._counts_utilization = importlib.util.find_spec("pynvml") is not None  # optional, by nvidia-ml-py

    def read(self, device: Any = None) -> dict[str, Any]:
        """Fields of Progress. `device` is the trainer's torch.device, None while there is no trainer."""
        load: dict[str, Any] = {
            "cpu_percent": self._process.cpu_percent(),
            "memory_bytes": self._process.memory_info().rss,
        }
        return {**load, **self._cuda(device)} if device is not None and device.type == "cuda" else load

    def _cuda(self, device: Any) -> dict[str, Any]:
        import torch

        counters = {
            "gpu_memory_bytes": torch.cuda.memory_allocated(device),
            "gpu_memory_peak_bytes": torch.cuda.max_memory_allocated(device),
        }
        if self._counts_utilization:
            try:
                counters["gpu_percent"] = torch.cuda.utilization(device)
            except Exception:  # noqa: BLE001 - NVML's errors have no base of their own; a figure for show ends no run
                # The driver does not tell, as in some containers: memory alone is shown.
                self._counts_utilization = False
        return counters

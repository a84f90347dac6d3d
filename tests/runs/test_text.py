"""Runs and what trains them in few words."""

import pytest

from resnet_demo.runs import text as run_text
from resnet_demo.runs.worker_files import Progress


@pytest.mark.parametrize(
    ("load", "text"),
    [
        ({}, "–"),
        ({"cpu_percent": 189.6, "memory_bytes": 1_240_000_000}, "CPU 190 %, 1.2 GB"),
        ({"cpu_percent": 99.0, "memory_bytes": 640_000_000, "gpu_memory_bytes": 5_100_000_000},
         "CPU 99 %, 640 MB; GPU 5.1 GB"),
        ({"cpu_percent": 99.0, "memory_bytes": 2e9, "gpu_memory_bytes": 5_100_000_000, "gpu_percent": 93},
         "CPU 99 %, 2.0 GB; GPU 93 %, 5.1 GB"),
        ({"cpu_percent": 99.0, "memory_bytes": 2e9, "gpu_memory_bytes": 5_100_000_000, "gpu_percent": 93,
          "gpu_memory_peak_bytes": 6_000_000_000}, "CPU 99 %, 2.0 GB; GPU 93 %, 5.1 GB, peak 6.0 GB"),
    ],
)  # fmt: skip
def test_the_load_is_told_in_few_words(load, text):
    assert run_text.machine_load(Progress("training", **load)) == text
    assert run_text.machine_load(None) == "–"

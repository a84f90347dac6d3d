"""What `python -m benchmarks.gpu` checks on a GPU, as tests: the same functions, a test each."""

import time

import pytest

from benchmarks.gpu import correct, processes, smoke
from benchmarks.gpu.networks import MEASURED, RESNET50
from benchmarks.gpu.setting import Setting

pytestmark = [pytest.mark.gpu, pytest.mark.timeout(600)]

CHECKS = [
    *(smoke.step_of(spec) for spec in MEASURED),
    smoke.save_and_read,
    *(check for spec in RESNET50 for check in (correct.float32(spec), correct.bfloat16(spec))),
    correct.augments_alike,
    correct.replays,
    correct.scales,
    correct.continues,
    correct.continues_alike_enough,
    correct.repeats,
    processes.out_of_memory,
]


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    work = tmp_path_factory.mktemp("gpu")
    return Setting("correct", "cuda", False, work, work, time.time() + 3600)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.replace(" ", "_")[:60])
def test_on_a_gpu(setting, check):
    assert check(setting)


def test_a_run_survives_and_answers_alike(setting):
    assert processes.answers_alike(setting)
    assert processes.survives(setting)

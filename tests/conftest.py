"""What many tests stand on: a small network on small data, so that a run takes seconds."""

import gc
import os
from dataclasses import replace

import pytest

from resnet_demo.runs.config import TrainConfig, preset_config
from resnet_demo.runs.store import RunStore
from resnet_demo.workers import worker

NO_GPU = "needs a CUDA device, and PyTorch finds none here"
NO_REGISTRY = "asks a package registry, and none answers here"
WANTED_BY = {"long": "RESNET_DEMO_LONG", "registry": "RESNET_DEMO_REGISTRY"}
MAY_SKIP = {"gpu": NO_GPU, "registry": NO_REGISTRY}  # the marks of tests that need what CI has not, and their reasons


def pytest_collection_modifyitems(config, items):
    """Tests marked `gpu` are skipped where there is none. Tests that take minutes run where RESNET_DEMO_LONG is set
    (CI), those that ask a registry where RESNET_DEMO_REGISTRY is; elsewhere they are deselected: not a skip."""
    _skip_without_gpu([item for item in items if item.get_closest_marker("gpu")])
    unwanted = [mark for mark, variable in WANTED_BY.items() if not os.environ.get(variable)]
    deselected = [item for item in items if any(item.get_closest_marker(mark) for mark in unwanted)]
    config.hook.pytest_deselected(items=deselected)
    items[:] = [item for item in items if item not in deselected]


def _skip_without_gpu(items):
    if not items:
        return
    import torch

    if not torch.cuda.is_available():
        for item in items:
            item.add_marker(pytest.mark.skip(reason=NO_GPU))


def pytest_collection_finish():
    """What is imported by now stays to the end: to go through it again after each module took a third of a second."""
    gc.collect()
    gc.freeze()


def pytest_runtest_logreport(report):
    if report.skipped:
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if not any(mark in report.keywords and why.endswith(reason) for mark, reason in MAY_SKIP.items()):
            _SKIPPED.append(f"{report.nodeid}: {why}")


def pytest_sessionfinish(session):
    """CI has everything that the tests need but a GPU and perhaps a registry: any other skip there hides something."""
    if os.environ.get("RESNET_DEMO_REFUSE_SKIPS") and _SKIPPED:
        print("\nSkipped, which is refused here:", *_SKIPPED, sep="\n  ")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_SKIPPED: list[str] = []


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left_in_memory():
    """Networks and optimizers lie in reference cycles, and Python, which counts objects and not bytes, would keep
    gigabytes of them until it looks."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def workers_obey_at_once(monkeypatch):
    """At the next step, however fast the steps are: a test counts them."""
    monkeypatch.setattr(worker, "LOOK_EVERY_S", 0.0)


@pytest.fixture
def tiny_config() -> TrainConfig:
    """ResNet-18 on 160 digits: 16 held out, 9 steps of 16 an epoch, two epochs."""
    return preset_config(
        "tour",
        arch="resnet18",
        epochs=2,
        batch_size=16,
        train_images=160,
        test_images=40,
        log_every_steps=4,
        measure_blocks_every=100,
        threads=1,
    )


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


@pytest.fixture
def run(store, tiny_config):
    """A run that has not said a word yet."""
    return store.create(tiny_config)


@pytest.fixture
def tiny_dataset():
    """Three classes of 60 noisy images, each with a channel that is brighter; 30 more to test on."""
    import torch

    from resnet_demo.data.sources import Dataset

    generator = torch.Generator().manual_seed(0)

    def draw(count: int):
        labels = torch.arange(count) % 3
        brighter = 100.0 * torch.nn.functional.one_hot(labels)[:, :, None, None]
        images = brighter + 100 * torch.rand(count, 3, 32, 32, generator=generator)
        return images.to(torch.uint8), labels

    train_images, train_labels = draw(180)
    test_images, test_labels = draw(30)
    return Dataset(
        source="folder:colours",
        classes=("blue", "green", "red"),
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        mean=(0.3, 0.3, 0.3),
        std=(0.2, 0.2, 0.2),
        may_flip=True,
        light_on_dark=False,
    )


@pytest.fixture
def colours_config() -> TrainConfig:
    """For tiny_dataset: 162 training images, 10 steps of 16 an epoch."""
    return replace(
        TrainConfig(), data="folder:colours", arch="resnet18", epochs=2, batch_size=16, log_every_steps=4, threads=1
    )

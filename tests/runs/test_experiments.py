"""Experiments: which runs belong to one, wherever they were made."""

from dataclasses import replace

import pytest

from resnet_demo.models.catalog import ARCHITECTURES
from resnet_demo.runs.experiments import EXPERIMENTS
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.watcher import Watcher


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_its_networks_differ_in_nothing_else(name):
    experiment = EXPERIMENTS[name]
    configs = experiment.configs(seed=3)
    assert [config.arch for config in configs] == experiment.networks
    assert all(len(group) == 2 and set(group) <= set(ARCHITECTURES) for group in experiment.groups)
    assert {replace(config, arch="resnet50") for config in configs} == {replace(configs[0], arch="resnet50")}
    assert {config.seed for config in configs} == {3}


def test_the_newest_run_of_each_network_counts_on_whatever_machine(tmp_path):
    experiment, store = EXPERIMENTS["digits"], RunStore(tmp_path)
    plain, deep, *_ = experiment.configs(0)
    first = store.create(replace(plain, device="cpu", threads=1, precision="float32"), "first")
    store.create(replace(plain, epochs=5), "shorter")
    store.create(replace(plain, seed=1), "another-seed")
    second = store.create(replace(deep, log_every_steps=3), "second")
    runs = experiment.runs(Watcher(store).snapshot().runs, 0)
    assert {arch: run.run.id for arch, run in runs.items()} == {"plain18": first.id, "plain34": second.id}
    assert isinstance(runs["plain18"], Snapshot) and not EXPERIMENTS["paper"].runs(runs.values(), 0)

    newer = store.create(plain, "zz-newer")
    assert experiment.runs(Watcher(store).snapshot().runs, 0)["plain18"].run.id == newer.id
    assert list(experiment.runs(Watcher(store).snapshot().runs, 1)) == ["plain18"]

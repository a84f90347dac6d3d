"""A run may begin with another run's weights, or with torchvision's."""

import hashlib
import io
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet18

from resnet_demo.data.dataset import BY_NAME, BY_POSITION, WAITING
from resnet_demo.data.sources import drain, load_dataset
from resnet_demo.models.checkpoint import load_weights
from resnet_demo.models.checkpoint_info import WITHOUT_DIGEST, CheckpointError
from resnet_demo.runs import events
from resnet_demo.runs.config import continued, preset_config
from resnet_demo.runs.deletion import delete_run
from resnet_demo.runs.directory import RunError
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.worker_files import PAUSE
from resnet_demo.training import first_weights
from resnet_demo.training.device import choose_device
from resnet_demo.training.errors import TrainingError
from resnet_demo.training.first_weights import _read, load_first_weights
from resnet_demo.training.trainer import Trainer
from resnet_demo.workers.worker import Worker
from tests.support.checkpoints import INFO, make_run

TINY = preset_config(
    "tour", arch="resnet18", epochs=2, batch_size=16, train_images=160, test_images=40, log_every_steps=3, threads=2,
    whiten_stem=False,
)  # fmt: skip
FRESH_PARTS = ("conv1.", "bn1.", "fc.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("first-weights")


@pytest.fixture(scope="module")
def store(folder):
    return RunStore(folder / "runs")


@pytest.fixture(scope="module")
def parent(store, folder):
    """A finished run."""
    run = store.create(TINY)
    assert list(Worker(run, folder).work())[-1].outcome == "finished"
    return run


def trainer_for(config, store, dataset, data_dir):
    """A trainer with its first weights, before the first step."""
    trainer = Trainer(config, dataset, choose_device("cpu"))
    list(load_first_weights(trainer, store, data_dir))
    return trainer


def test_a_finished_run_goes_on_as_a_new_one_that_names_it(store, parent, folder):
    child = store.create(continued(parent.config(), parent.id, epochs=1))
    told = list(Worker(child, folder).work())
    assert told[-1].outcome == "finished" and child.config().parent_id == parent.id
    assert child.config() == replace(TINY, start_from=f"run:{parent.id}", epochs=1)
    assert child.view().started.warnings == ()
    fresh = parent.view()
    assert child.view().metrics[0].train_loss < 0.8 * fresh.metrics[0].train_loss
    assert child.view().epochs[0].test_accuracy > fresh.epochs[0].test_accuracy


def test_a_damaged_parent_is_not_started_from_and_an_unchecked_one_is_named(store, parent, folder):
    damaged, unchecked = (store.create(TINY, name=name) for name in ("damaged", "unchecked"))
    content = bytearray(parent.model_path.read_bytes())
    content[-1] ^= 0x80
    damaged.model_path.write_bytes(content)
    weights, info = load_weights(parent.model_path)
    save_file(weights, unchecked.model_path, metadata={**info.to_metadata(), "format": WITHOUT_DIGEST})
    dataset = drain(load_dataset("digits", folder))
    with pytest.raises(CheckpointError, match="is damaged"):
        trainer_for(continued(TINY, damaged.id, epochs=1), store, dataset, folder)
    assert "without a checksum" in trainer_for(continued(TINY, unchecked.id, 1), store, dataset, folder).warnings[0]


def test_weights_and_buffers_are_the_parents_before_the_first_step(store, parent, folder):
    child = store.create(continued(TINY, parent.id, epochs=1))
    worker = Worker(child, folder).work()
    for event in worker:
        if isinstance(event, events.RunStarted):
            child.request(PAUSE)
    expected, _ = load_weights(parent.model_path)
    found, info = load_weights(child.model_path)
    assert (info.step, info.epoch) == (0, 0) and found.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(found[name], expected[name])] == []
    state = torch.load(child.state_path, weights_only=True)
    assert state["optimizer"]["state"] == {}
    assert all(torch.equal(state["model"][name], expected[name]) for name in expected)


def test_a_resumed_child_does_not_start_over(store, parent, folder):
    """Its state is what it goes on from; the parent may be gone by then."""
    doomed = store.create(TINY)
    doomed.model_path.write_bytes(parent.model_path.read_bytes())
    child = store.create(continued(TINY, doomed.id, epochs=1))
    for event in Worker(child, folder).work():
        if isinstance(event, events.StepEnded) and event.step == 4:
            child.request(PAUSE)
    delete_run(store, doomed)
    told = list(Worker(child, folder).work())
    assert isinstance(next(e for e in told if isinstance(e, events.STORED)), events.RunResumed)
    assert told[-1].outcome == "finished"


def test_a_parent_that_is_gone_before_the_first_save_is_a_sentence(store, parent, folder):
    doomed = store.create(TINY)
    doomed.model_path.write_bytes(parent.model_path.read_bytes())
    child = store.create(continued(TINY, doomed.id, epochs=1))
    delete_run(store, doomed)
    ended = list(Worker(child, folder).work())[-1]
    assert ended.outcome == "failed" and f"There is no run '{doomed.id}'" in ended.message


def test_other_classes_get_a_new_classifier(store, parent, folder, tiny_dataset, colours_config):
    config = replace(colours_config, start_from=f"run:{parent.id}")
    trainer = trainer_for(config, store, tiny_dataset, folder)
    expected, _ = load_weights(parent.model_path)
    fresh = Trainer(colours_config, tiny_dataset, choose_device("cpu")).model.state_dict()
    for network in (trainer.model, trainer.ema_model):
        for name, tensor in network.state_dict().items():
            assert torch.equal(tensor, (fresh if name.startswith("fc.") else expected)[name]), name
    (warning,) = trainer.warnings
    assert "the classifier is new" in warning
    assert next(trainer.run()).warnings == (warning,)


def test_another_stem_gets_a_new_first_layer(store, parent, folder):
    child = store.create(replace(continued(TINY, parent.id, epochs=1), stem="cifar"))
    for event in Worker(child, folder).work():
        if isinstance(event, events.RunStarted):
            child.request(PAUSE)
    (warning,) = child.view().started.warnings
    assert "the first layer is new" in warning
    expected, found = load_weights(parent.model_path)[0], load_weights(child.model_path)[0]
    assert found["conv1.weight"].shape == (64, 3, 3, 3)
    kept = [name for name in expected if not name.startswith(FRESH_PARTS[:2])]
    assert len(kept) > 100 and all(torch.equal(found[name], expected[name]) for name in kept)


def test_a_small_network_names_what_it_is_and_goes_on_as_it(store, folder):
    """Whatever stem its settings name, it has its own, and keeps it when it is started from."""
    small = replace(TINY, arch="resnet20", epochs=1)
    parent = store.create(small)
    assert list(Worker(parent, folder).work())[-1].outcome == "finished"
    info = parent.model_info()
    assert (info.arch, info.stem, info.shortcut, small.stem) == ("resnet20", "cifar", "A", "imagenet")
    child = store.create(continued(small, parent.id, epochs=1))
    for event in Worker(child, folder).work():
        if isinstance(event, events.RunStarted):
            child.request(PAUSE)
    assert child.view().started.warnings == ()
    expected, found = load_weights(parent.model_path)[0], load_weights(child.model_path)[0]
    assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    ("changes", "flattered"),
    [
        ({}, False),
        ({"validation_images": 5}, False),
        ({"seed": 1}, True),
        ({"train_images": 0}, True),
        ({"seed": 1, "validation_images": 0}, False),
    ],
)
def test_held_out_images_that_the_parent_has_seen_are_told(store, parent, folder, changes, flattered):
    from resnet_demo.data.digits import load_digits

    loading = load_digits()
    try:
        while True:
            next(loading)
    except StopIteration as ended:
        dataset = ended.value
    trainer = trainer_for(replace(continued(TINY, parent.id, 1), **changes), store, dataset, folder)
    assert any("flatter" in warning for warning in trainer.warnings) is flattered


def test_what_makes_the_parents_accuracy_doubtful_is_told_of_the_child_once(store, parent, folder):
    """The grandparent was trained on what the parent holds out, and what the child holds out, too."""
    doubtful = replace(continued(TINY, parent.id, epochs=1), seed=1)
    child = store.create(doubtful)
    assert list(Worker(child, folder).work())[-1].outcome == "finished"
    (warning,) = child.view().started.warnings
    dataset = drain(load_dataset("digits", folder))
    for seed in (0, 1):
        grandchild = replace(continued(doubtful, child.id, epochs=1), seed=seed)
        assert trainer_for(grandchild, store, dataset, folder).warnings == (warning,)


def test_a_checkpoint_knows_what_it_was_tested_on(parent, folder):
    dataset = drain(load_dataset("digits", folder))
    assert (parent.model_info().tested_on, parent.model_info().split) == (dataset.test_digest(), parent.config().split)


def test_other_test_images_than_the_parents_are_told(store, parent, folder):
    dataset = drain(load_dataset("digits", folder))
    config = continued(TINY, parent.id, epochs=1)
    assert trainer_for(config, store, dataset, folder).warnings == ()
    moved = replace(
        dataset,
        train_images=torch.cat([dataset.train_images[1:], dataset.test_images[:1]]),
        train_labels=torch.cat([dataset.train_labels[1:], dataset.test_labels[:1]]),
        test_images=torch.cat([dataset.test_images[1:], dataset.train_images[:1]]),
        test_labels=torch.cat([dataset.test_labels[1:], dataset.train_labels[:1]]),
    )
    (warning,) = trainer_for(config, store, moved, folder).warnings
    assert "not those that the run it starts from was tested on" in warning


def test_a_child_splits_a_folder_as_its_parent_did(tmp_path):
    store = RunStore(tmp_path)
    parent = make_run(store, "old")
    colours = preset_config("fast", data="folder:/srv/colours", arch=INFO.arch)
    parent.write_config(replace(colours, split=BY_POSITION))
    child = store.create(replace(colours, start_from="run:old"))
    elsewhere = store.create(replace(colours, start_from="run:old", data="folder:/srv/shapes"))
    assert (child.config().split, elsewhere.config().split) == (BY_POSITION, BY_NAME)


def test_what_cannot_be_started_from_is_refused_before_a_run_is_made(store, parent, tmp_path):
    empty, elsewhere = store.create(TINY), RunStore(tmp_path / "elsewhere")
    before = store.runs()
    for config, words in [
        (replace(TINY, start_from="run:nothing"), "There is no run 'nothing'"),
        (replace(TINY, start_from="run:../runs"), r"There is no run '\.\./runs'"),
        (continued(TINY, empty.id, 1), "no whole checkpoint"),
        (replace(continued(TINY, parent.id, 1), arch="resnet34"), "do not fit a resnet34"),
        (replace(continued(TINY, parent.id, 1), shortcut="A"), "do not fit the shortcuts A"),
    ]:
        with pytest.raises(RunError, match=words):
            store.create(config)
    assert store.runs() == before
    make_run(elsewhere, "theirs")
    with pytest.raises(RunError, match="There is no run 'theirs'"):
        store.create(continued(TINY, "theirs", 1))


# --- torchvision's --------------------------------------------------------------------------------------------


@pytest.fixture
def torchvisions(monkeypatch):
    """A server of a small stand-in for the official file: the same names and shapes, other numbers. `serve(content)`
    makes it sent under the name that its right content deserves; returns those tensors."""
    torch.manual_seed(5)
    weights = resnet18().state_dict()
    right = io.BytesIO()
    torch.save(weights, right)
    monkeypatch.setenv("no_proxy", "*")

    class Handler(BaseHTTPRequestHandler):
        content = right.getvalue()
        asked = 0

        def do_GET(self):
            type(self).asked += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.content)))
            self.end_headers()
            self.wfile.write(self.content)

        def log_message(self, *_):
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        name = f"resnet18-{hashlib.sha256(right.getvalue()).hexdigest()[:8]}.pth"
        url = f"http://127.0.0.1:{server.server_port}/models/{name}"
        monkeypatch.setattr("resnet_demo.training.first_weights._torchvision_url", lambda arch: url)
        yield weights, Handler, name
        server.shutdown()


def test_torchvisions_weights_are_fetched_once_and_get_a_new_classifier(
    torchvisions, tmp_path, tiny_dataset, colours_config
):
    weights, server, name = torchvisions
    config = replace(colours_config, start_from="torchvision")
    for _ in range(2):
        trainer = trainer_for(config, RunStore(tmp_path / "runs"), tiny_dataset, tmp_path)
        found = trainer.model.state_dict()
        kept = [key for key in weights if not key.startswith("fc.")]
        assert len(kept) == 120 and all(torch.equal(found[key], weights[key]) for key in kept)
        assert found["fc.weight"].shape == (3, 512) and "classifier is new" in trainer.warnings[0]
    kept = {path.name for path in (tmp_path / "torchvision").iterdir()}
    assert server.asked == 1 and kept == {name, f".{name}.lock"}


def test_of_two_runs_that_fetch_the_same_weights_one_waits(torchvisions, tmp_path):
    _, server, name = torchvisions
    url = first_weights._torchvision_url("resnet18")
    first, second = (first_weights._fetch(url, tmp_path) for _ in range(2))
    assert (next(first).phase, next(second).phase) == ("downloading", WAITING)
    assert drain(first) == drain(second) == tmp_path / "torchvision" / name
    assert server.asked == 1


def test_other_bytes_than_the_name_promises_are_not_read(torchvisions, tmp_path):
    _, server, _ = torchvisions
    server.content = b"x" * 1000
    run = RunStore(tmp_path / "runs").create(replace(TINY, start_from="torchvision"))
    ended = list(Worker(run, tmp_path).work())[-1]
    assert ended.outcome == "failed" and "its sha256 differs" in ended.message
    assert [path.suffix for path in (tmp_path / "torchvision").iterdir()] == [".lock"]


@pytest.mark.parametrize("content", [b"", b".", b"noise" * 100, b"PK\x03\x04", None])
def test_a_damaged_file_is_a_sentence(tmp_path, content):
    path = tmp_path / "resnet18.pth"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(TrainingError, match="cannot be read as weights"):
        _read(path)


def test_a_closed_network_is_a_sentence(monkeypatch, tmp_path):
    url = "http://127.0.0.1:9/models/resnet18-00000000.pth"
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("resnet_demo.training.first_weights._torchvision_url", lambda arch: url)
    monkeypatch.setattr("resnet_demo.data.download.ATTEMPTS", 1)
    run = RunStore(tmp_path / "runs").create(replace(TINY, start_from="torchvision"))
    ended = list(Worker(run, tmp_path).work())[-1]
    assert ended.outcome == "failed" and "could not be downloaded" in ended.message
    assert f"put resnet18-00000000.pth into {tmp_path / 'torchvision'}" in ended.message


def test_every_networks_official_file_names_its_checksum_and_its_size():
    from resnet_demo.models.catalog import TORCHVISION_HAS
    from resnet_demo.training.first_weights import _checksum, _official

    for arch in TORCHVISION_HAS:
        url = _official(arch).url
        assert f"/{arch}-" in url and len(_checksum(url)) == len("sha256:") + 8
        assert 10 < _official(arch).meta["_file_size"] < 1000

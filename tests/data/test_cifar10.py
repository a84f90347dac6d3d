"""CIFAR-10 and its download, with a small archive in the official layout and a server that misbehaves."""

import hashlib
import io
import pickle
import re
import socket
import tarfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import torch
from torchvision.datasets import CIFAR10

from resnet_demo.data import cifar10, download
from resnet_demo.data.dataset import WAITING, DataError, Dataset, LoadProgress, drain
from resnet_demo.data.sources import load_dataset

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
NAMES = [name for name, _ in CIFAR10.train_list + CIFAR10.test_list]
IMAGES = 20  # a batch


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def official_files() -> dict[str, bytes]:
    """Small batches as the official archive has them: rows of 1,024 red, green, blue values."""
    random = np.random.RandomState(0)
    files = {"batches.meta": pickle.dumps({"label_names": CLASSES})}
    for name in NAMES:
        data = random.randint(0, 256, (IMAGES, 3072), dtype=np.uint8)
        files[name] = pickle.dumps({"data": data, "labels": [index % 10 for index in range(IMAGES)]})
    return files


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{CIFAR10.base_folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


FILES = official_files()
ARCHIVE = packed(FILES)


class SmallCIFAR10(CIFAR10):
    """The same class with the small archive's md5s; each test sets the url."""

    tgz_md5 = md5(ARCHIVE)
    train_list = [[name, md5(FILES[name])] for name in NAMES[:5]]  # noqa: RUF012 - torchvision's own form
    test_list = [[NAMES[5], md5(FILES[NAMES[5]])]]  # noqa: RUF012
    meta = CIFAR10.meta | {"md5": md5(FILES["batches.meta"])}


class Server(ThreadingHTTPServer):
    """Sends ARCHIVE, and notes what was asked for."""

    daemon_threads = True
    content = ARCHIVE
    status = 200
    cuts = 0  # so many answers end before they are complete
    bytes_before_cut = len(ARCHIVE) // 3
    knows_ranges = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server: Server = self.server
        server.ranges.append(self.headers["Range"])
        if server.status != 200:
            self.send_error(server.status)
            return
        start = int(re.findall(r"\d+", self.headers["Range"])[0]) if self.headers["Range"] else 0
        if server.knows_ranges and start >= len(server.content):
            self.send_error(416)
            return
        partial = server.knows_ranges and start > 0
        body = server.content[start:] if partial else server.content
        self.send_response(206 if partial else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if server.cuts > 0:
            server.cuts -= 1
            body = body[: server.bytes_before_cut]
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        """Silent."""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with Server() as running:
        Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        monkeypatch.setattr(SmallCIFAR10, "url", f"http://127.0.0.1:{running.server_port}/{CIFAR10.filename}")
        yield running
        running.shutdown()


def load(data_dir: Path) -> tuple[Dataset, list[LoadProgress]]:
    events = []
    return drain(cifar10.load_cifar10(data_dir, SmallCIFAR10, retry_wait_s=0.01), events.append), events


def refusal(data_dir: Path) -> str:
    with pytest.raises(DataError) as caught:
        load(data_dir)
    return str(caught.value)


def part_of(data_dir: Path) -> Path:
    return data_dir / f"{CIFAR10.filename}.part"


def test_images_and_labels_are_the_archives(server, tmp_path):
    dataset, _ = load(tmp_path / "new" / "data")
    assert dataset.source == "cifar10" and dataset.classes == tuple(CLASSES)
    assert dataset.train_images.shape == (5 * IMAGES, 3, 32, 32) and dataset.train_images.is_contiguous()
    assert dataset.train_images.dtype == torch.uint8 and dataset.train_labels.dtype == torch.int64
    third = pickle.loads(FILES["data_batch_3"])["data"].reshape(-1, 3, 32, 32)
    assert np.array_equal(dataset.train_images[2 * IMAGES : 3 * IMAGES], third)
    assert np.array_equal(dataset.test_images, pickle.loads(FILES["test_batch"])["data"].reshape(-1, 3, 32, 32))
    assert dataset.train_labels.tolist() == [index % 10 for index in range(IMAGES)] * 5
    assert dataset.may_flip and not dataset.light_on_dark


def test_the_download_reports_bytes_of_a_total(server, tmp_path):
    _, events = load(tmp_path)
    assert LoadProgress("downloading", len(ARCHIVE), len(ARCHIVE)) in events
    assert [event.phase for event in events][-1] == "decoding"


def test_a_second_start_asks_the_network_for_nothing(server, tmp_path):
    load(tmp_path)
    _, events = load(tmp_path)
    assert len(server.ranges) == 1 and not any(event.phase == "downloading" for event in events)


def test_an_archive_put_there_by_hand_is_used(server, tmp_path):
    (tmp_path / CIFAR10.filename).write_bytes(ARCHIVE)
    dataset, _ = load(tmp_path)
    assert server.ranges == [] and len(dataset.test_images) == IMAGES


def test_a_wrong_archive_put_there_by_hand_is_named_and_left_alone(server, tmp_path):
    (tmp_path / CIFAR10.filename).write_bytes(b"something else")
    assert CIFAR10.filename in refusal(tmp_path) and server.ranges == []
    assert (tmp_path / CIFAR10.filename).read_bytes() == b"something else"


def test_a_cut_connection_is_taken_up_where_it_broke(server, tmp_path):
    server.cuts = 1
    dataset, _ = load(tmp_path)
    assert server.ranges == [None, f"bytes={server.bytes_before_cut}-"]
    assert len(dataset.test_images) == IMAGES and not part_of(tmp_path).exists()


def test_cuts_that_bring_new_bytes_are_never_too_many(server, tmp_path):
    server.cuts = 10
    server.bytes_before_cut = len(ARCHIVE) // 12
    load(tmp_path)
    assert len(server.ranges) == 11 > download.ATTEMPTS


def test_a_server_without_ranges_is_asked_from_the_start(server, tmp_path):
    server.knows_ranges = False
    server.cuts = 1
    dataset, _ = load(tmp_path)
    assert len(server.ranges) == 2 and len(dataset.test_images) == IMAGES


def test_cuts_without_new_bytes_end_with_advice_and_keep_what_came(server, tmp_path):
    server.knows_ranges = False  # so that every attempt ends at the same byte
    server.cuts = 99
    said = refusal(tmp_path)
    assert "connection was cut" in said and "digits" in said and "folder:PATH" in said
    assert len(server.ranges) == download.ATTEMPTS
    assert part_of(tmp_path).read_bytes() == ARCHIVE[: server.bytes_before_cut]


def test_the_next_start_goes_on_with_what_came(server, tmp_path):
    part_of(tmp_path).write_bytes(ARCHIVE[:1000])
    load(tmp_path)
    assert server.ranges == ["bytes=1000-"]


def test_a_part_that_is_whole_needs_no_request(server, tmp_path):
    part_of(tmp_path).write_bytes(ARCHIVE)
    load(tmp_path)
    assert server.ranges == []


def test_a_part_that_is_too_long_is_dropped(server, tmp_path):
    part_of(tmp_path).write_bytes(ARCHIVE + b"more")
    load(tmp_path)
    assert server.ranges == [f"bytes={len(ARCHIVE) + 4}-", None]


def test_other_bytes_than_the_md5_promises_are_deleted_unopened(server, tmp_path):
    server.content = ARCHIVE[:-1] + b"x"
    assert "md5" in refusal(tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


@pytest.mark.parametrize(("status", "requests"), [(404, 1), (403, 1), (503, download.ATTEMPTS)])
def test_a_servers_refusal_is_quoted_and_repeated_only_where_it_may_pass(server, tmp_path, status, requests):
    server.status = status
    said = refusal(tmp_path)
    assert f"the server answered {status}" in said and "digits" in said
    assert len(server.ranges) == requests


def test_a_closed_network_names_the_other_sources_and_the_place_for_the_archive(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
        monkeypatch.setattr(SmallCIFAR10, "url", f"http://127.0.0.1:{closed.getsockname()[1]}/x")
        said = refusal(tmp_path)
    assert "Connection refused" in said and "digits" in said and "folder:PATH" in said
    assert f"put {CIFAR10.filename} into {tmp_path}" in said


def test_a_silent_server_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "TIMEOUT_S", 0.05)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(SmallCIFAR10, "url", f"http://127.0.0.1:{silent.getsockname()[1]}/x")
        assert "timed out" in refusal(tmp_path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_is_called_that_and_not_the_network(server, tmp_path):
    part_of(tmp_path).symlink_to("/dev/full")
    said = refusal(tmp_path)
    assert "No space left" in said and "digits" not in said and len(server.ranges) == 1


def test_a_data_folder_that_cannot_be_made_is_named(server, tmp_path):
    (tmp_path / "file").write_text("")
    assert "cannot be written" in refusal(tmp_path / "file" / "data")


def test_a_loading_may_be_closed_in_mid_download(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TICK_S", 0)
    monkeypatch.setattr(download, "CHUNK_BYTES", 1000)
    loading = cifar10.load_cifar10(tmp_path, SmallCIFAR10)
    while (event := next(loading)).phase != "downloading" or event.done < 3000:
        pass
    loading.close()
    assert part_of(tmp_path).read_bytes() == ARCHIVE[: event.done]


def test_of_two_loadings_at_once_the_second_waits_and_takes_what_the_first_has_fetched(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TICK_S", 0)
    monkeypatch.setattr(download, "CHUNK_BYTES", 1000)
    first, second = (cifar10.load_cifar10(tmp_path, SmallCIFAR10) for _ in range(2))
    while (event := next(first)).phase != "downloading" or event.done < 3000:
        pass
    assert [next(second).phase for _ in range(3)] == ["decoding", WAITING, WAITING]
    datasets = [drain(loading) for loading in (first, second)]
    assert len(server.ranges) == 1
    assert torch.equal(datasets[0].train_images, datasets[1].train_images)


@pytest.mark.parametrize("kind", [EOFError, pickle.UnpicklingError])
def test_what_is_just_being_unpacked_is_read_again(server, tmp_path, kind):
    load(tmp_path)

    class Torn(SmallCIFAR10):
        reads = 0

        def __init__(self, *given, **named) -> None:
            type(self).reads += 1
            if self.reads == 1:
                raise kind("half of it is there")
            super().__init__(*given, **named)

    assert len(drain(cifar10.load_cifar10(tmp_path, Torn)).test_images) == IMAGES


class Trap:
    """Unpickling it leaves a file: what must never happen to a batch with another md5."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch"])
def test_a_changed_batch_is_never_unpickled_but_unpacked_anew(server, tmp_path, name):
    load(tmp_path)
    batch = tmp_path / CIFAR10.base_folder / name
    batch.write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    dataset, _ = load(tmp_path)
    assert not (tmp_path / "sprung").exists() and batch.read_bytes() == FILES[name]
    assert len(dataset.train_images) == 5 * IMAGES


def test_changed_class_names_are_never_unpickled_but_refused(server, tmp_path):
    load(tmp_path)
    (tmp_path / CIFAR10.base_folder / "batches.meta").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    assert "delete that folder" in refusal(tmp_path)
    assert not (tmp_path / "sprung").exists()


def test_an_archive_that_holds_other_batches_is_refused(server, tmp_path, monkeypatch):
    other = packed(FILES | {"test_batch": pickle.dumps(Trap(tmp_path / "sprung"))})
    monkeypatch.setattr(SmallCIFAR10, "tgz_md5", md5(other))
    server.content = other
    assert "delete that folder" in refusal(tmp_path / "data")
    assert not (tmp_path / "sprung").exists()


def test_the_source_cifar10_asks_for_the_official_archive(server, tmp_path, monkeypatch):
    server.status = 404
    monkeypatch.setattr(CIFAR10, "url", SmallCIFAR10.url)
    with pytest.raises(DataError, match=f"{re.escape(SmallCIFAR10.url)} could not be downloaded"):
        list(load_dataset("cifar10", tmp_path))

"""A real page on a free loopback port, asked over HTTP."""

from contextlib import contextmanager

import pytest

from app import launch
from resnet_demo.runs import watcher
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend


@pytest.fixture
def serve(tmp_path, monkeypatch):
    """`with serve(access) as (url, backend)`: the whole page over an empty runs folder, offering image folders."""

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    monkeypatch.setattr(watcher, "CACHE_TTL_S", 0.0)  # what a test writes is seen at once

    @contextmanager
    def serving(access=None, folders=()):
        store = RunStore(tmp_path / "runs")
        backend = Backend.over(store, tmp_path / "data", folders, access)
        page = build_app(backend)
        _, url, _ = launch(page, server_name="127.0.0.1", prevent_thread_lock=True)
        try:
            yield url, backend
        finally:
            backend.evaluations.end()
            if run := store.active():
                backend.launcher.stop(run)
                assert backend.launcher.wait_until_idle(60)
            page.close(verbose=False)

    return serving

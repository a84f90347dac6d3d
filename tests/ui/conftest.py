"""A real page on a free loopback port, asked over HTTP."""

from contextlib import contextmanager

import pytest

from app import launch
from resnet_demo.runs.store import RunStore
from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend


@pytest.fixture
def serve(tmp_path):
    """`with serve(access) as (url, backend)`: the whole page over an empty runs folder."""

    @contextmanager
    def serving(access=None):
        store = RunStore(tmp_path / "runs")
        backend = Backend.over(store, tmp_path / "data", access=access)
        page = build_app(backend)
        _, url, _ = launch(page, server_name="127.0.0.1", prevent_thread_lock=True, ssr_mode=False)
        try:
            yield url, backend
        finally:
            if store.active():
                backend.launcher.stop()
                assert backend.launcher.wait_until_idle(60)
            page.close(verbose=False)

    return serving

"""The app as a person starts it, for tests that kill it."""

import pytest

from tests.browser.conftest import App


@pytest.fixture
def app(tmp_path):
    app = App(tmp_path)
    yield app
    app.stop_training()

"""Training leaves so much behind that a module's end is too late to look for it."""

import gc

import pytest


@pytest.fixture(autouse=True)
def no_trainer_is_left_in_memory():
    yield
    gc.collect()

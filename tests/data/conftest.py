"""How a test of the sources loads a folder, and is refused one."""

from pathlib import Path

import pytest

from resnet_demo.data.sources import DataError, drain, load_dataset


@pytest.fixture
def load(tmp_path):
    """Loads a folder with a data folder of its own."""
    return lambda root: drain(load_dataset(f"folder:{root}", tmp_path / "data"))


@pytest.fixture
def refusal(load):
    """What is said about a folder that cannot be learnt from."""

    def refused(root: Path) -> str:
        with pytest.raises(DataError) as caught:
            load(root)
        return str(caught.value)

    return refused

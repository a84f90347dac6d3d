"""A run that goes elsewhere takes along all that can be seen of it."""

import pytest

from resnet_demo.runs.directory import SHIPPED, RunDirectory
from resnet_demo.runs.lasting import lasting_files


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/")), ids=lambda path: path.name)
def test_nothing_of_a_run_that_comes_with_the_project_is_left_behind(path):
    """They have been evaluated, whole and without each block, and hold what they made of the examples."""
    found = {one for one in path.rglob("*") if one.is_file()}
    assert found == set(lasting_files(RunDirectory(path)))

"""A worker's lower priority holds between sessions, too."""

import subprocess
import sys

import pytest

from resnet_demo.workers.priority import AUTOGROUP

NICER = """
import os
from resnet_demo.workers.priority import AUTOGROUP, give_session_own_niceness
os.nice(5)
give_session_own_niceness()
print(AUTOGROUP.read_text() if AUTOGROUP.exists() else "no groups")
"""


@pytest.mark.parametrize("own", [True, False])
def test_a_session_of_its_own_gets_the_niceness_and_no_other(own):
    done = subprocess.run(
        [sys.executable, "-c", NICER], start_new_session=own, capture_output=True, text=True, check=True
    )
    niceness = done.stdout.split("nice ")[-1].strip()
    theirs = AUTOGROUP.read_text().split("nice ")[-1].strip() if AUTOGROUP.exists() else "no groups"
    assert niceness == (theirs if theirs == "no groups" or not own else "5")

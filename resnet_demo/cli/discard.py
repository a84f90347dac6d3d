"""discard: end a run without saving, and delete its folder."""

import argparse
import time

from resnet_demo.cli.command import DATA_DIR
from resnet_demo.cli.control import TIMEOUT_S, add_control, find_run, print_result, wait_a_moment
from resnet_demo.runs.store import RunStore
from resnet_demo.workers.launcher import Launcher


def add_discard(commands) -> None:
    add_control(
        commands, "discard", discard_command, "Delete a run and its folder. If it is training, it ends without saving."
    )


def discard_command(options: argparse.Namespace) -> int:
    run = find_run(options)
    launcher = Launcher(RunStore(run.path.parent), DATA_DIR)
    deadline = time.monotonic() + TIMEOUT_S
    while run.exists():
        launcher.discard(run)
        wait_a_moment(run, deadline)
    print_result(f"'{run.id}' is deleted.")
    return 0

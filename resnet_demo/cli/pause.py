"""pause: as the button on the page, for a run that any process trains."""

import argparse

from resnet_demo.cli.control import add_control, end_training, find_run
from resnet_demo.runs.worker_files import PAUSE


def add_pause(commands) -> None:
    add_control(
        commands,
        "pause",
        pause_command,
        "Save a training run and end its process; the queue waits. resume continues it.",
    )


def pause_command(options: argparse.Namespace) -> int:
    return end_training(find_run(options), PAUSE)

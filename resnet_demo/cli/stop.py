"""stop: as the button on the page, for a run that any process trains."""

import argparse

from resnet_demo.cli.control import add_control, end_training, find_run
from resnet_demo.runs.worker_files import STOP


def add_stop(commands) -> None:
    add_control(
        commands, "stop", stop_command, "Save a training run and end it; the queue goes on, and resume continues it."
    )


def stop_command(options: argparse.Namespace) -> int:
    return end_training(find_run(options), STOP)

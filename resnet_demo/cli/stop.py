"""stop: what the page's button does, to a run of any process."""

import argparse

from resnet_demo.cli.control import add_control, end_training, find_run
from resnet_demo.runs.directory import STOP


def add_stop(commands) -> None:
    add_control(commands, "stop", stop_command, "Let a training save and be over.")


def stop_command(options: argparse.Namespace) -> int:
    return end_training(find_run(options), STOP)

"""pause: what the page's button does, to a run of any process."""

import argparse

from resnet_demo.cli.control import add_control, end_training, find_run
from resnet_demo.runs.directory import PAUSE


def add_pause(commands) -> None:
    add_control(commands, "pause", pause_command, "Let a training save and end; resume goes on with it.")


def pause_command(options: argparse.Namespace) -> int:
    return end_training(find_run(options), PAUSE)

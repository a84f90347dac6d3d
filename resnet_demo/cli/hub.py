"""push and pull: a run to a model repository on Hugging Face, and back."""

import argparse
import sys
from pathlib import Path

from resnet_demo.cli.command import RUNS_DIR, add_command, named_runs
from resnet_demo.hub import models
from resnet_demo.hub.space import connect
from resnet_demo.runs.store import RunStore


def add_push(commands) -> None:
    push = add_command(
        commands, "push", push_command, "Upload a run with a model card to a model repository on Hugging Face."
    )
    push.add_argument("run", type=Path, metavar="RUN", help="a run's folder")
    push.add_argument("to", metavar="hub:USER/NAME", help="the repository; it is created if it does not exist")


def push_command(options: argparse.Namespace) -> int:
    (run,) = named_runs([options.run])
    print(models.push(connect(), run, options.to, show=_show))
    return 0


def add_pull(commands) -> None:
    pull = add_command(commands, "pull", pull_command, "Download a run that was pushed.")
    pull.add_argument("repository", metavar="hub:USER/NAME")
    pull.add_argument("--runs", type=Path, default=RUNS_DIR, metavar="DIR", help="folder that holds runs")


def pull_command(options: argparse.Namespace) -> int:
    print(models.pull(connect(), options.repository, RunStore(options.runs), show=_show).path)
    return 0


def _show(what: str) -> None:
    print(what, file=sys.stderr, flush=True)

"""What all commands share: where things lie, how one is added, how one fails."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from resnet_demo.errors import UserError
from resnet_demo.runs.directory import RunDirectory

RUNS_DIR, DATA_DIR = Path("checkpoints"), Path("data")
POLL_S = 0.1  # between two looks at what another process does


class CommandError(UserError):
    """What a person reads on stderr; `code` is the exit status."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def add_command(commands, name: str, run, help: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
    command.set_defaults(command=run)
    return command


def named_runs(paths: Sequence[Path]) -> list[RunDirectory]:
    """The runs whose folders are named. Raises CommandError where one is no run."""
    runs = [RunDirectory.at(path) for path in paths]
    for path, run in zip(paths, runs, strict=True):
        if not run.exists():
            raise CommandError(f"'{path}' is no run. Name a run's folder.")
    return runs

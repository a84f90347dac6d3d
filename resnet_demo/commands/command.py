"""What all commands share: where things lie, how one is added, how one fails."""

import argparse
from pathlib import Path

RUNS_DIR, DATA_DIR = Path("checkpoints"), Path("data")


class CommandError(RuntimeError):
    """What a person reads on stderr; `code` is the exit status."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def add_command(commands, name: str, run, help: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help, description=help, allow_abbrev=False)
    command.set_defaults(command=run)
    return command

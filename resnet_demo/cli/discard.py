"""discard: end a run without saving, and delete its folder."""

import argparse
import sys

from resnet_demo.cli.command import DATA_DIR, CommandError
from resnet_demo.cli.control import add_control, find_run, give_up_at, print_result, wait_a_moment
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.store import RunStore
from resnet_demo.text import printable, size
from resnet_demo.workers.launcher import Launcher


def add_discard(commands) -> None:
    discard = add_control(
        commands, "discard", discard_command, "Delete a run and its folder. If it is training, it ends without saving."
    )
    discard.add_argument("--yes", action="store_true", help="do not ask")


def discard_command(options: argparse.Namespace) -> int:
    run = find_run(options)
    if not options.yes:
        _ask(run)
    launcher = Launcher(RunStore(run.path.parent), DATA_DIR)
    deadline = give_up_at()
    while run.exists():
        launcher.discard(run)
        wait_a_moment(run, deadline)
    print_result(f"'{run.id}' is deleted.")
    return 0


def _ask(run: RunDirectory) -> None:
    """Raises CommandError unless a person says yes."""
    path = printable(str(run.path))
    if not sys.stdin.isatty():
        raise CommandError(f"'{path}' would be deleted for good. Add --yes to do so without being asked.", code=2)
    print(f"Delete '{path}' ({size(run.size_bytes())}) for good? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("Nothing was deleted.")

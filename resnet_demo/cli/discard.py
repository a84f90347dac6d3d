"""discard: end a run without saving, and delete its folder; or free the space of what a stopped run could be resumed
from."""

import argparse
import sys
from pathlib import Path

from resnet_demo.cli.command import DATA_DIR, CommandError
from resnet_demo.cli.control import add_control, find_run, give_up_at, print_result, wait_a_moment
from resnet_demo.runs.deletion import delete_resume_state
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.store import RunStore
from resnet_demo.text import printable, size
from resnet_demo.workers.launcher import Launcher


def add_discard(commands) -> None:
    discard = add_control(
        commands, "discard", discard_command, "Delete a run and its folder. If it is training, it ends without saving."
    )
    discard.add_argument(
        "--resume-state",
        action="store_true",
        help="of a stopped run: delete only resume.pt, most of its size; weights and curves stay, resuming ends",
    )
    discard.add_argument("--yes", action="store_true", help="do not ask")


def discard_command(options: argparse.Namespace) -> int:
    run = find_run(options)
    if options.resume_state:
        return _free(run, options.yes)
    if not options.yes:
        _ask(run.path, run.size_bytes())
    launcher = Launcher(RunStore(run.path.parent), DATA_DIR)
    deadline = give_up_at()
    while run.exists():
        launcher.discard(run)
        wait_a_moment(run, deadline)
    print_result(f"'{run.id}' is deleted.")
    return 0


def _free(run: RunDirectory, yes: bool) -> int:
    if not yes and (freed := run.resume_state_bytes()):  # that there is none is said without a question
        _ask(run.state_path, freed)
    freed = delete_resume_state(run)
    print_result(f"{size(freed)} freed. '{run.id}' keeps its weights and curves, and cannot be resumed any more.")
    return 0


def _ask(doomed: Path, size_bytes: int) -> None:
    """Raises CommandError unless a person says yes."""
    path = printable(str(doomed))
    if not sys.stdin.isatty():
        raise CommandError(f"'{path}' would be deleted for good. Add --yes to do so without being asked.", code=2)
    print(f"Delete '{path}' ({size(size_bytes)}) for good? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("Nothing was deleted.")

"""tensorboard: runs' curves as TensorBoard's event files."""

import argparse
import time
from contextlib import ExitStack
from pathlib import Path

from resnet_demo.cli.command import CommandError, add_command, named_runs

FOLLOW_S = 2.0


def add_tensorboard(commands) -> None:
    help = "Write runs' curves as TensorBoard event files, which `tensorboard --logdir DIR` shows."
    tensorboard = add_command(commands, "tensorboard", tensorboard_command, help)
    tensorboard.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run's folder")
    tensorboard.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the folder to write to; each run gets a folder in it"
    )
    tensorboard.add_argument(
        "--follow", action="store_true", help="keep writing until all runs have ended, or until Ctrl-C"
    )


def tensorboard_command(options: argparse.Namespace) -> int:
    from resnet_demo.runs.tensorboard import EventFile

    runs = named_runs(options.runs)
    if len({run.id for run in runs}) < len(runs):
        raise CommandError("Two of these runs have the same name, so they would be written into one folder.", code=2)
    with ExitStack() as stack:
        files = [(run, stack.enter_context(EventFile(options.out / run.id))) for run in runs]
        while True:
            views = [run.whole_view() for run, _ in files]
            for (_, file), view in zip(files, views, strict=True):
                file.write(view)
            if not options.follow or all(view.is_over for view in views):
                break  # a paused or interrupted run may go on
            time.sleep(FOLLOW_S)
    print(options.out)
    return 0

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
        "--output",
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder to write to; each run gets a folder in it",
    )
    tensorboard.add_argument(
        "--follow", action="store_true", help="keep writing until all runs have ended, failed or gone, or until Ctrl-C"
    )


def tensorboard_command(options: argparse.Namespace) -> int:
    from resnet_demo.runs.tensorboard import EventFile

    runs = named_runs(options.runs)
    if len({run.id for run in runs}) < len(runs):
        raise CommandError("Two of these runs have the same name, so they would be written into one folder.", code=2)
    with ExitStack() as stack:
        files = [(run, stack.enter_context(EventFile(options.output / run.id))) for run in runs]
        while True:
            following = False
            for run, file in files:
                view = run.whole_view()
                if run.exists():  # of one that is gone stays what has been written
                    file.write(view)
                    following |= view.ended is None  # a paused or interrupted run may go on
            if not (options.follow and following):
                break
            time.sleep(FOLLOW_S)
    print(options.output)
    return 0

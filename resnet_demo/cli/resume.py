"""resume: go on with an unfinished run in this terminal; also how the page starts a worker."""

import argparse

from resnet_demo.cli.command import CommandError
from resnet_demo.cli.control import add_control, find_run
from resnet_demo.cli.train import add_foreground_flags, train_in_foreground, train_nonzero_rank
from resnet_demo.data.known import FOLDER
from resnet_demo.runs.config import TrainConfig, absolute_source
from resnet_demo.training.distributed import is_rank_zero


def add_resume(commands) -> None:
    resume = add_control(
        commands, "resume", resume_command, "Continue a paused, interrupted, stopped or failed run in this terminal."
    )
    add_foreground_flags(resume)
    resume.add_argument("--data", metavar="folder:PATH", help="where the run's images lie, if they have moved")
    devices = TrainConfig.__dataclass_fields__["device"].metadata["choices"]
    resume.add_argument("--device", choices=devices, help="train on this one from now on, and remember it in the run")


def resume_command(options: argparse.Namespace) -> int:
    if not is_rank_zero():
        return train_nonzero_rank()
    run = find_run(options)
    view = run.view()
    if view.ended and not run.can_resume(view):
        raise CommandError(
            f"The run '{run.id}' is {view.ended.outcome}, so there is nothing to resume. A new run can go on from its "
            f"weights: train --start-from run:{run.id}"
        )
    moved_to = absolute_source(options.data) if options.data else ""
    if moved_to and not (moved_to.startswith(FOLDER) and run.config().data.startswith(FOLDER)):
        raise CommandError("--data names the folder to which the images of a run on folder:PATH have moved.", code=2)
    given = {"data": moved_to, "device": options.device}
    changes = {name: value for name, value in given.items() if value}
    return train_in_foreground(run, options.data_dir, options.json, reopen=True, changes=changes)

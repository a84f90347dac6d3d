"""deploy: put this app on a Hugging Face Space."""

import argparse
import sys
from pathlib import Path

from resnet_demo.cli.command import add_command, named_runs
from resnet_demo.hub import space
from resnet_demo.owner_token import TOKEN_VARIABLE
from resnet_demo.text import printable, size


def add_deploy(commands) -> None:
    deploy = add_command(
        commands, "deploy", deploy_command, "Put this app on a Hugging Face Space, or replace it there."
    )
    deploy.add_argument("space", metavar="USER/NAME", help="the Space; it is created if it does not exist")
    deploy.add_argument("--hardware", choices=space.HARDWARE, help="what it runs on (default: what the platform gives)")
    deploy.add_argument(
        "--with", dest="runs", type=Path, action="append", default=[], metavar="RUN", help="a run to show there"
    )
    deploy.add_argument("--dry-run", action="store_true", help="list what would be uploaded, and do nothing")


def deploy_command(options: argparse.Namespace) -> int:
    space.check_name(options.space)
    uploads = [*space.app_uploads(), *space.run_uploads(named_runs(options.runs))]
    if options.dry_run:
        _list(options.space, uploads)
        return 0
    deployed = space.deploy(space.connect(), options.space, uploads, options.hardware, show=_show)
    print(f"The page: {deployed.address}")
    if deployed.owners_link:
        print(f"The owner's link, which may start and stop: {deployed.owners_link}")
    else:
        _show(
            f"The owner's link is the one of before. If it is lost, set the secret {TOKEN_VARIABLE} anew in the "
            "Space's settings: the link ends in ?token= and that secret."
        )
    return 0


def _list(name: str, uploads: list[space.Upload]) -> None:
    print(space.front_matter())
    for upload in uploads:
        print(f"{size(upload.size_bytes):>10}  {printable(upload.place)}")
    print(f"{len(uploads)} files, {size(sum(upload.size_bytes for upload in uploads))}, to the Space {name}")


def _show(what: str) -> None:
    print(what, file=sys.stderr, flush=True)

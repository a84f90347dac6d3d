"""`python -m resnet_demo train|pause|resume|stop|discard|…`: what the page does, from a terminal.

Exit codes: 0 done, 1 it failed (one line on stderr), 2 a wrong call, 130 ended by Ctrl-C after saving.
"""

import argparse
import sys
from collections.abc import Sequence

from resnet_demo.cli.classify import add_classify
from resnet_demo.cli.command import CommandError
from resnet_demo.cli.curves import add_curves
from resnet_demo.cli.describe import add_describe
from resnet_demo.cli.discard import add_discard
from resnet_demo.cli.evaluate import add_evaluate
from resnet_demo.cli.pause import add_pause
from resnet_demo.cli.resume import add_resume
from resnet_demo.cli.stop import add_stop
from resnet_demo.cli.tensorboard import add_tensorboard
from resnet_demo.cli.train import add_train
from resnet_demo.errors import UserError
from resnet_demo.runs.config import ConfigError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    options = parser().parse_args(arguments)
    try:
        return options.command(options)
    except CommandError as error:
        print(f"resnet_demo: {error}", file=sys.stderr)
        return error.code
    except UserError as error:
        print(f"resnet_demo: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # `… | head` has seen enough
            sys.stderr.close()
        else:
            print(f"resnet_demo: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m resnet_demo", description=__doc__, allow_abbrev=False)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    controls = (add_pause, add_resume, add_stop, add_discard)
    for add in (add_train, *controls, add_classify, add_evaluate, add_describe, add_curves, add_tensorboard):
        add(commands)
    return top

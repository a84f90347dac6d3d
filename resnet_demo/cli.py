"""`python -m resnet_demo train|pause|resume|stop|discard|…`: what the page does, from a terminal.

Exit codes: 0 done, 1 it failed (one line on stderr), 2 a wrong call, 130 ended by Ctrl-C after saving.
"""

import argparse
import sys
from collections.abc import Sequence

from resnet_demo.commands.ask import add_classify, add_evaluate
from resnet_demo.commands.command import CommandError
from resnet_demo.commands.control import add_discard, add_pause, add_resume, add_stop
from resnet_demo.commands.look import add_curves, add_describe, add_tensorboard
from resnet_demo.commands.train import add_train
from resnet_demo.data.dataset import DataError
from resnet_demo.training.config import ConfigError
from resnet_demo.training.model_info import CheckpointError
from resnet_demo.training.runs import RunError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    options = parser().parse_args(arguments)
    try:
        return options.command(options)
    except CommandError as error:
        print(f"resnet_demo: {error}", file=sys.stderr)
        return error.code
    except (ConfigError, RunError, CheckpointError, DataError) as error:
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

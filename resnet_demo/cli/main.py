"""Does from a terminal what the page does, on the same runs.

Exit status: 0 done, 1 failed (stderr says why in a line), 2 a wrong call, 130 paused, or ended by Ctrl-C.
"""

import argparse
import sys
from collections.abc import Sequence

from resnet_demo.cli.terminal import OutputError, give_up_stdout, plain_streams
from resnet_demo.errors import UserError, missing_package


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    try:
        with plain_streams():
            return _run(arguments)
    except KeyboardInterrupt:  # also while the imports last
        return 130


def _run(arguments: Sequence[str] | None) -> int:
    try:
        options = parser().parse_args(arguments)
        code = options.command(options)
        sys.stdout.flush()
        return code
    except OutputError as error:
        give_up_stdout()
        return 1 if error.reader_is_gone else _complain(error)  # `… | head` has seen enough
    except UserError as error:
        return _complain(error, error.code)
    except ImportError as error:
        if not (sentence := missing_package(error)):
            raise
        return _complain(sentence)
    except OSError as error:
        return _complain(f"{error.filename or 'a file'}: {error.strerror or error}")


def _complain(what: object, code: int = 1) -> int:
    print(f"resnet_demo: {what}", file=sys.stderr)
    return code


def parser() -> argparse.ArgumentParser:
    """Imports what the commands need, so that a package that is missing is said like any other failure."""
    from resnet_demo.cli.classify import add_classify
    from resnet_demo.cli.curves import add_curves
    from resnet_demo.cli.deploy import add_deploy
    from resnet_demo.cli.describe import add_describe
    from resnet_demo.cli.discard import add_discard
    from resnet_demo.cli.evaluate import add_evaluate
    from resnet_demo.cli.export import add_export
    from resnet_demo.cli.hub import add_pull, add_push
    from resnet_demo.cli.pause import add_pause
    from resnet_demo.cli.queue import add_queue
    from resnet_demo.cli.report import add_report
    from resnet_demo.cli.resume import add_resume
    from resnet_demo.cli.runs import add_runs
    from resnet_demo.cli.stop import add_stop
    from resnet_demo.cli.tensorboard import add_tensorboard
    from resnet_demo.cli.train import add_train

    top = argparse.ArgumentParser(prog="python -m resnet_demo", description=__doc__, allow_abbrev=False)
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    controls = (add_pause, add_resume, add_stop, add_discard)
    readers = (add_classify, add_evaluate, add_describe, add_curves, add_report, add_tensorboard)
    for add in (add_train, add_runs, add_queue, *controls, *readers, add_export, add_push, add_pull, add_deploy):
        add(commands)
    return top

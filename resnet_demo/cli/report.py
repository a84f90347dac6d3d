"""report: a run as one HTML file to mail."""

import argparse
from pathlib import Path

from resnet_demo.cli.command import CommandError, add_command, named_runs
from resnet_demo.errors import disk_advice


def add_report(commands) -> None:
    help = "Write a run's curves, configuration, environment and evaluation as one HTML file that needs nothing else."
    report = add_command(commands, "report", report_command, help)
    report.add_argument("run", type=Path, metavar="RUN", help="a run's folder")
    report.add_argument("--output", type=Path, metavar="FILE", help="what to write (default: RUN.html, here)")


def report_command(options: argparse.Namespace) -> int:
    from resnet_demo.runs.evaluation import load_evaluation
    from resnet_demo.runs.snapshot import whole_snapshot
    from resnet_demo.ui.html.report import report_page

    (run,) = named_runs([options.run])
    output = options.output or Path(f"{run.id}.html")
    page = report_page(whole_snapshot(run), load_evaluation(run))
    try:
        output.write_text(page, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"'{output}' cannot be written ({error.strerror}). {disk_advice(error)}.") from error
    print(output)
    return 0

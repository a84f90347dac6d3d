"""curves: the loss and accuracy of runs, as an image or a table."""

import argparse
from pathlib import Path

from resnet_demo.cli.command import CommandError, add_command, named_runs
from resnet_demo.runs.fold import RunView
from resnet_demo.runs.points import write_csv

ENDINGS = (".png", ".svg", ".pdf", ".csv")


def add_curves(commands) -> None:
    help = "Draw the loss and accuracy of one or more runs as an image, or write them as a table."
    curves = add_command(commands, "curves", curves_command, help)
    curves.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run's folder")
    curves.add_argument("--output", type=Path, default=Path("curves.png"), metavar="FILE", help="PNG, SVG, PDF or CSV")


def curves_command(options: argparse.Namespace) -> int:
    if options.output.suffix.lower() not in ENDINGS:  # matplotlib would add one, or know more than we promise
        raise CommandError(f"'{options.output}': end the name in .png, .svg, .pdf or .csv.", code=2)
    shown = [(run.id, run.title(), run.whole_view()) for run in named_runs(options.runs)]
    for path, (*_, view) in zip(options.runs, shown, strict=True):
        if not view.metrics:
            raise CommandError(f"'{path}' has logged no points yet, so there is nothing to draw.")
    try:
        _write_curves(shown, options.output)
    except OSError as error:
        raise CommandError(f"'{options.output}' cannot be written ({error.strerror}).") from error
    print(options.output)
    return 0


def _write_curves(shown: list[tuple[str, str, RunView]], output: Path) -> None:
    if output.suffix.lower() == ".csv":
        with output.open("w", encoding="utf-8", newline="") as file:
            write_csv(shown, file)
        return
    from resnet_demo.runs.figures import save_curves
    from resnet_demo.runs.text import run_name

    named = [(place, run_name(run_id, title), view) for place, (run_id, title, view) in enumerate(shown)]
    save_curves(named, output)

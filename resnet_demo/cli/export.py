"""export: a trained network as a file that other programs load."""

import argparse
from pathlib import Path

from resnet_demo.cli.command import CommandError, add_command
from resnet_demo.errors import disk_advice
from resnet_demo.export.contract import PRECISIONS
from resnet_demo.runs.directory import RunDirectory

FORMATS = ("safetensors",)


def add_export(commands) -> None:
    export = add_command(commands, "export", export_command, "Write a trained network for other programs.")
    export.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a checkpoint file")
    export.add_argument("output", type=Path, metavar="OUT", help="what to write")
    export.add_argument(
        "--format", choices=FORMATS, required=True, help="safetensors: weights with torchvision's names"
    )
    export.add_argument(
        "--precision", choices=PRECISIONS, default=PRECISIONS[0], help="of the weights (default: float32)"
    )


def export_command(options: argparse.Namespace) -> int:
    from resnet_demo.export.weights import export_weights
    from resnet_demo.inference.loading import checkpoint_path

    output = options.output
    _refuse_a_runs_folder(output)
    try:
        export_weights(checkpoint_path(options.run), output, options.precision)
    except OSError as error:
        raise CommandError(f"'{output}' cannot be written ({error.strerror}). {disk_advice(error)}.") from error
    print(output)
    return 0


def _refuse_a_runs_folder(output: Path) -> None:
    """A run's own files have the names of exported ones."""
    folders = output.absolute().parents
    if run := next((folder for folder in folders if RunDirectory.at(folder).is_ours()), None):
        raise CommandError(f"'{output}' lies in the folder of the run '{run.name}'. Write it somewhere else.", code=2)

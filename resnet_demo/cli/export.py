"""export: a trained network as a file that other programs load."""

import argparse
from pathlib import Path

from resnet_demo.cli.command import CommandError, add_command, named_runs
from resnet_demo.errors import disk_advice
from resnet_demo.export.contract import PRECISIONS
from resnet_demo.runs.directory import RunDirectory

FORMATS = {
    "safetensors": "weights with torchvision's names",
    "onnx": "one file that takes uint8 images and gives probabilities",
    "hub": "a new folder for the Hugging Face Hub, with a model card from the run",
}


def add_export(commands) -> None:
    export = add_command(commands, "export", export_command, "Write a trained network for other programs.")
    export.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a checkpoint file")
    export.add_argument("output", type=Path, metavar="OUT", help="what to write")
    told = "; ".join(f"{name}: {what}" for name, what in FORMATS.items())
    export.add_argument("--format", choices=tuple(FORMATS), required=True, help=told)
    export.add_argument(
        "--precision", choices=PRECISIONS, default=PRECISIONS[0], help="of the weights, but for onnx (default: float32)"
    )


def export_command(options: argparse.Namespace) -> int:
    if options.format == "onnx" and options.precision != "float32":
        raise CommandError("An ONNX file is written in float32 alone. Leave --precision out.", code=2)
    _refuse_a_place_among_runs(options)
    try:
        _export(options)
    except OSError as error:
        raise CommandError(f"'{options.output}' cannot be written ({error.strerror}). {disk_advice(error)}.") from error
    print(options.output)
    return 0


def _export(options: argparse.Namespace) -> None:
    from resnet_demo.inference.loading import checkpoint_path

    checkpoint = checkpoint_path(options.run)
    if options.format == "onnx":
        from resnet_demo.export.onnx_file import export_onnx

        export_onnx(checkpoint, options.output)
    elif options.format == "hub":
        from resnet_demo.export.hub_folder import export_hub_folder

        (run,) = named_runs([options.run])  # a checkpoint file alone tells nothing of its data and recipe
        export_hub_folder(run, options.output, options.precision)
    else:
        from resnet_demo.export.weights import export_weights

        export_weights(checkpoint, options.output, options.precision)


def _refuse_a_place_among_runs(options: argparse.Namespace) -> None:
    """A run's own files have the names of exported ones, and a folder beside it would be taken for a run."""
    output = options.output.absolute()
    if run := next((folder for folder in (output, *output.parents) if RunDirectory.at(folder).is_ours()), None):
        raise CommandError(f"'{output}' lies in the folder of the run '{run.name}'. Write it somewhere else.", code=2)
    if options.format == "hub" and RunDirectory.at(options.run).path.parent == output.parent:
        raise CommandError(f"'{output}' lies among the runs, and would be listed as one. Write it elsewhere.", code=2)

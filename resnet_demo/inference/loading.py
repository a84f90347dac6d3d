"""A checkpoint by its path: what programs and commands open."""

from os import PathLike
from pathlib import Path

from resnet_demo.inference.predictor import Classifier, Predictor
from resnet_demo.models.checkpoint_info import CheckpointError
from resnet_demo.runs.directory import SHIPPED, RunDirectory
from resnet_demo.runs.store import RunStore
from resnet_demo.text import printable


def load_classifier(path: str | PathLike[str], run_id: str | None = None) -> Classifier:
    """See `resnet_demo.load`."""
    path = Path(path)
    if not path.exists():
        raise CheckpointError(
            f"There is no '{printable(str(path))}'. Name a folder of runs, a run's folder or a .safetensors file."
        )
    if path.is_dir() and not _is_one_run(path):
        return Predictor(RunStore(path, SHIPPED)).classifier(run_id)
    if run_id is not None:
        raise CheckpointError("A run's id goes with the folder of runs, not with one run's folder or file.")
    return Classifier.from_file(checkpoint_path(path))


def checkpoint_path(path: Path) -> Path:
    """The newest checkpoint of a run's folder, or the file itself."""
    return RunDirectory.at(path).model_path if path.is_dir() else path


def _is_one_run(folder: Path) -> bool:
    """Also a folder that holds a checkpoint alone, as a copy may."""
    run = RunDirectory.at(folder)
    return run.exists() or run.model_path.is_file()

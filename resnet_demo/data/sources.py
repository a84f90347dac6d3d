"""The three sources behind one interface: CIFAR-10, a folder of images, the handwritten digits."""

from pathlib import Path

from resnet_demo.data.dataset import BY_NAME, DataError, Dataset, Loading, LoadProgress, drain
from resnet_demo.data.known import FOLDER
from resnet_demo.text import printable

__all__ = ["DataError", "Dataset", "LoadProgress", "Loading", "drain", "load_dataset"]


def load_dataset(source: str, data_dir: Path, split: str = BY_NAME) -> Loading:
    """Load "cifar10", "digits" or "folder:PATH": `dataset = yield from load_dataset(source, data_dir)`, or
    `drain(load_dataset(source, data_dir))` where nobody waits to be told how far it is.

    `split` says how a folder's images are shared out between training, held-out and test part: BY_NAME or BY_POSITION.
    Yields a LoadProgress about twice a second while it works. What is downloaded or decoded is kept in
    `data_dir`. Raises DataError.
    """
    try:
        return (yield from _load(source, data_dir, split))
    except PermissionError as error:
        raise DataError(
            f"{printable(str(error.filename))} may not be read. Fix its permissions, then start again."
        ) from error


def _load(source: str, data_dir: Path, split: str) -> Loading:
    # Each source brings its own libraries; only the chosen one's are waited for.
    if source == "cifar10":
        from resnet_demo.data.cifar10 import load_cifar10

        return (yield from load_cifar10(data_dir))
    if source == "digits":
        from resnet_demo.data.digits import load_digits

        return (yield from load_digits())
    if source.startswith(FOLDER) and source != FOLDER:
        from resnet_demo.data.folder import load_folder

        return (yield from load_folder(source, Path(source.removeprefix(FOLDER)).expanduser(), data_dir, split))
    raise DataError(f"There is no data source '{source}'. Choose cifar10, digits or folder:PATH.")

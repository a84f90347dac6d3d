"""A folder's decoded images, kept as one safetensors file: the next start reads instead of decoding."""

import json
from dataclasses import replace
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from resnet_demo.data.dataset import Dataset
from resnet_demo.files import os_error_behind, remove_unfinished, replace_file
from resnet_demo.models.digest import digest

TENSORS = ("train_images", "train_labels", "test_images", "test_labels", "train_ids")
ABANDONED_S = 3600  # an unfinished file of that age has no writer any more
PLAIN = ("classes", "mean", "std", "may_flip", "light_on_dark", "warnings")


def read(path: Path, source: str) -> Dataset | None:
    """The dataset as it was written, or None where the file is missing, damaged, foreign or of before there were
    digests: then decode again."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys() if name in TENSORS}  # noqa: SIM118 - no dict
        if metadata["digest"] != digest([metadata["dataset"], tensors]):
            return None
        plain = json.loads(metadata["dataset"])
        lists = {name: tuple(value) for name, value in plain.items() if isinstance(value, list)}
        return Dataset(source=source, **(plain | lists | tensors))
    except (SafetensorError, OSError, LookupError, TypeError, ValueError):
        return None


def write(path: Path, dataset: Dataset, stale: str) -> Dataset:
    """Keep the dataset and delete its older versions, the files beside it that match the pattern `stale`.

    Where it cannot be kept (a full disk) that is a warning in the dataset returned: it can be used all the same.
    """
    tensors = {name: part.contiguous() for name in TENSORS if (part := getattr(dataset, name)) is not None}
    plain = json.dumps({name: getattr(dataset, name) for name in PLAIN})
    metadata = {"dataset": plain, "digest": digest([plain, tensors])}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda temporary: save_file(tensors, temporary, metadata=metadata))
        for other in {*path.parent.glob(stale)} - {path}:
            other.unlink(missing_ok=True)
        remove_unfinished(path.parent, older_than_s=ABANDONED_S)
    except (SafetensorError, OSError) as error:
        why = os_error_behind(error, path).strerror
        warning = (
            f"The decoded images could not be kept in {path.parent} ({why}), so the next start decodes them again."
        )
        return replace(dataset, warnings=(*dataset.warnings, warning))
    return dataset

"""CIFAR-10 (Krizhevsky 2009): found in the data folder, or downloaded into it.

Its batches are pickles. torchvision's class compares the md5 of every batch with its own list before it
unpickles one, on every start; nothing here unpickles anything.
"""

import pickle
import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torchvision.datasets import CIFAR10

from resnet_demo.data.dataset import DataError, Dataset, Loading, LoadProgress
from resnet_demo.data.download import Download, DownloadError, download, has_checksum, lock_beside
from resnet_demo.data.statistics import channel_statistics


def load_cifar10(data_dir: Path, archive: type[CIFAR10] = CIFAR10, retry_wait_s: float = 1.0) -> Loading:
    """50,000 and 10,000 images in ten classes; the first time the archive of 170 MB is downloaded.

    `archive` names the url and the md5s: tests hand in a small one. Raises DataError.
    """
    yield LoadProgress("decoding", 0, 0)
    try:
        train, test = archive(data_dir, train=True), archive(data_dir, train=False)
    except (RuntimeError, EOFError, pickle.UnpicklingError):  # not there, an md5 differs, or it is being unpacked
        with (yield from lock_beside(data_dir / archive.filename)):
            yield from _fetch(data_dir, archive, retry_wait_s)
            yield LoadProgress("decoding", 0, 0)
            train, test = _extract(data_dir, archive)
    except OSError as error:
        raise _unreadable(data_dir, archive) from error
    yield LoadProgress("decoding", len(train) + len(test), len(train) + len(test))
    train_images, train_labels = _tensors(train)
    test_images, test_labels = _tensors(test)
    mean, std = channel_statistics(train_images)
    return Dataset(
        source="cifar10",
        classes=tuple(train.classes),
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        mean=mean,
        std=std,
        may_flip=True,
        light_on_dark=False,
    )


def _fetch(data_dir: Path, archive: type[CIFAR10], retry_wait_s: float) -> Download:
    """Leave in `data_dir` an archive with the right md5."""
    target, checksum = data_dir / archive.filename, f"md5:{archive.tgz_md5}"
    if has_checksum(target, checksum):
        return
    if target.exists():  # put there by a person: not ours to delete
        raise DataError(
            f"{target} is incomplete or not the official archive (its md5 differs). Delete it and start again."
        )
    try:
        yield from download(archive.url, target, checksum, retry_wait_s)
    except DownloadError as error:
        raise DataError(
            f"{error} Start again once the network is there (what has arrived is kept), "
            f"or put {archive.filename} into {data_dir.absolute()} by hand, or choose another source: "
            "digits needs no network, folder:PATH takes images of your own."
        ) from error


def _extract(data_dir: Path, archive: type[CIFAR10]) -> tuple[CIFAR10, CIFAR10]:
    """With the archive in place `download=True` downloads nothing: it extracts, then compares the md5s."""
    try:
        return archive(data_dir, train=True, download=True), archive(data_dir, train=False)
    except (RuntimeError, OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise _unreadable(data_dir, archive) from error


def _unreadable(data_dir: Path, archive: type[CIFAR10]) -> DataError:
    return DataError(
        f"{data_dir / archive.base_folder} could not be unpacked or read: the disk may be full or the files "
        "damaged. Make room (400 MB), delete that folder and start again."
    )


def _tensors(part: CIFAR10) -> tuple[Tensor, Tensor]:
    """uint8 (N, 3, 32, 32) and int64 (N,) from torchvision's (N, 32, 32, 3)."""
    images = torch.from_numpy(np.ascontiguousarray(part.data.transpose(0, 3, 1, 2)))
    return images, torch.tensor(part.targets, dtype=torch.int64)

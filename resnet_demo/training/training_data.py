"""A run's images on its device: which are trained on, held out or only tested on, and what is done to them."""

from typing import Any

import torch

from resnet_demo.data.batches import IMAGENET_MEAN, IMAGENET_STD, Augment, Normalise
from resnet_demo.data.sources import Dataset
from resnet_demo.data.splits import split
from resnet_demo.runs.config import NOTHING_TO_STOP_BY, TrainConfig, batch_problem
from resnet_demo.training.distributed import Processes
from resnet_demo.training.errors import BatchTooSmall, TrainingError


class TrainingData:
    """Raises TrainingError where a data set cannot be trained on with this config by so many processes."""

    def __init__(self, dataset: Dataset, config: TrainConfig, device: torch.device, processes: Processes) -> None:
        self.classes, self.warnings = dataset.classes, dataset.warnings
        self.digest, self.test_digest = dataset.digest(), dataset.test_digest()
        self._names_digest = dataset.names_digest()
        parts = split(dataset, config.seed, config.train_images, config.validation_images, config.test_images)
        self.train, self.validation, self.test = (
            part.to(device) for part in (parts.train, parts.validation, parts.test)
        )
        self.steps_per_epoch = len(self.train) // config.batch_size
        self._refuse_what_does_not_fit(config, processes)
        imagenet = config.normalisation == "imagenet"
        self.normalise = Normalise(
            IMAGENET_MEAN if imagenet else dataset.mean, IMAGENET_STD if imagenet else dataset.std
        )
        self.flip_averaging = config.flip_averaging and dataset.may_flip
        self.augment = Augment(config.crop_padding, config.flip and dataset.may_flip, config.cutout)

    def _refuse_what_does_not_fit(self, config: TrainConfig, processes: Processes) -> None:
        if self.steps_per_epoch == 0:
            raise TrainingError(
                f"{len(self.train)} training images do not fill one batch of {config.batch_size}. "
                "Choose a smaller batch or more images."
            )
        if problem := batch_problem(config.batch_size, processes.size):
            raise BatchTooSmall(problem)
        if config.early_stopping_patience and not len(self.validation):  # too few images to hold any out
            raise TrainingError(NOTHING_TO_STOP_BY)

    def fingerprint(self) -> dict[str, Any]:
        """By what a changed data set is noticed: batches are drawn by number from it, parts of a folder by names. An
        earlier version's state may lack what came later."""
        counts = [len(part) for part in (self.train, self.validation, self.test)]
        return {
            "classes": list(self.classes),
            "counts": counts,
            "digest": self.digest,
            "names_digest": self._names_digest,
        }

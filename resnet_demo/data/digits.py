"""scikit-learn's 1,797 handwritten digits: they come with the package, so the first run needs no network."""

import torch
from torch.nn.functional import interpolate

from resnet_demo.data.dataset import STARTING, DataError, Dataset, Loading, LoadProgress
from resnet_demo.data.statistics import channel_statistics

TEST_IMAGES = 297
SPLIT_SEED = 0


def load_digits() -> Loading:
    """8x8 images of 0..16 as 0..255, enlarged bilinearly to 32x32, in three equal channels: 1,500 and 297.

    Raises DataError where scikit-learn is missing.
    """
    yield LoadProgress(STARTING, 0, 0)  # nothing is decoded that would be kept
    try:
        from sklearn import datasets
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise DataError("The digits come with scikit-learn. Install it: pip install scikit-learn") from error
    bunch = datasets.load_digits()
    small = torch.from_numpy(bunch.images).float().unsqueeze(1) * (255 / 16)  # (N, 1, 8, 8)
    large = interpolate(small, size=(32, 32), mode="bilinear", align_corners=False)
    images = large.round().to(torch.uint8).repeat(1, 3, 1, 1)
    labels = torch.from_numpy(bunch.target).long()
    train, test = train_test_split(
        range(len(labels)), test_size=TEST_IMAGES, stratify=bunch.target, random_state=SPLIT_SEED
    )
    mean, std = channel_statistics(images[train])
    return Dataset(
        source="digits",
        classes=tuple(str(name) for name in bunch.target_names),
        train_images=images[train],
        train_labels=labels[train],
        test_images=images[test],
        test_labels=labels[test],
        mean=mean,
        std=std,
        may_flip=False,
        light_on_dark=True,
    )

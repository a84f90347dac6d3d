"""The networks and batches that are measured, and images to step on where it does not matter what they show."""

from functools import cache

import torch

from benchmarks.gpu.setting import Setting
from resnet_demo.data.dataset import Dataset
from resnet_demo.models.catalog import ARCHITECTURES
from resnet_demo.models.resnet import NetworkSpec

RESNET50 = IMAGENET, COMPACT, CIFAR = [NetworkSpec("resnet50", stem) for stem in ("imagenet", "compact", "cifar")]
SMALL = NetworkSpec("resnet18", "cifar")
MEASURED = [*RESNET50, SMALL]
FAMILY = ("resnet20", "plain20", "resnet56", "plain56")
TINY = [NetworkSpec("resnet18", "imagenet")]
BATCHES = (128, 256, 512, 1024)


def measured(setting: Setting) -> list[NetworkSpec]:
    return TINY if setting.tiny else MEASURED


def family(setting: Setting) -> list[str]:
    """Those of the paper's small networks that the catalog has; in a rehearsal the 20 layers deep alone."""
    return [name for name in FAMILY[: 2 if setting.tiny else None] if name in ARCHITECTURES]


def name_of(spec: NetworkSpec) -> str:
    return f"{ARCHITECTURES[spec.arch].label}, stem {spec.stem}"


@cache
def noise(count: int, test_count: int = 64) -> Dataset:
    """A data set of random images in ten classes; the same object each time, since to draw it takes a second."""
    generator = torch.Generator().manual_seed(0)

    def draw(n: int) -> tuple[torch.Tensor, torch.Tensor]:
        images = torch.randint(0, 256, (n, 3, 32, 32), generator=generator, dtype=torch.uint8)
        return images, torch.randint(10, (n,), generator=generator)

    train_images, train_labels = draw(count)
    test_images, test_labels = draw(test_count)
    return Dataset(
        source="folder:noise",
        classes=tuple("abcdefghij"),
        train_images=train_images,
        train_labels=train_labels,
        test_images=test_images,
        test_labels=test_labels,
        mean=(0.5, 0.5, 0.5),
        std=(0.29, 0.29, 0.29),
        may_flip=True,
        light_on_dark=False,
    )

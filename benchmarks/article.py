"""The source article's loop with its network, written anew: the baseline that this project measures itself against.

The network is the family's `resnet50_article`, with the library's convolutions in place of ours.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.datasets import ImageFolder

from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.models.small_maps import SmallMapConv2d

BATCH_SIZE = 128


def article_network(classes: int = 10) -> nn.Module:
    """(N, 3, H, W) -> logits (N, classes)."""
    model = ResNet(NetworkSpec("resnet50_article", num_classes=classes))
    for module in model.modules():
        if isinstance(module, SmallMapConv2d):
            module.__class__ = nn.Conv2d
    return model


def article_loop(folder: Path) -> Iterator[None]:
    """Its training loop over the images in `folder`, a step at a time: shuffled DataLoader without workers, resize,
    ImageNet's mean and std, cross-entropy, Adam 1e-3."""
    prepare = transforms.Compose(
        [
            transforms.Resize((32, 32)),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    model = article_network()
    yield from plain_loop(model, torch.optim.Adam(model.parameters(), 1e-3), Decoded(folder, prepare))


class Decoded(ImageFolder):
    """A folder whose images stand decoded in memory, as torchvision's CIFAR10 keeps them."""

    def __init__(self, folder: Path, transform) -> None:
        super().__init__(str(folder), transform)
        self.images = [self.loader(path) for path, _ in self.samples]

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.images[index]), self.targets[index]


def plain_loop(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Dataset,
    *,
    channels_last: bool = False,
    batch_size: int = BATCH_SIZE,
    autocast: Callable[[], AbstractContextManager] = nullcontext,
    workers: int = 0,
) -> Iterator[None]:
    """Epoch after epoch on the model's device, yielding after each step. The loader has so many processes."""
    loss_of = nn.CrossEntropyLoss()
    device = next(model.parameters()).device
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    loader = DataLoader(
        data,
        batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=device.type == "cuda",
    )
    model.train()
    while True:
        for images, labels in loader:
            images = images.to(device, non_blocking=True, memory_format=memory_format)
            labels = labels.to(device, non_blocking=True)
            with autocast():
                loss = loss_of(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield

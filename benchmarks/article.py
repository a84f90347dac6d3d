"""The source article's network and loop, written anew: the baseline that this project measures itself against.

It departs from the paper's ResNet-50: no batch norm or ReLU after the first convolution, a bias on every
convolution, and projections where Identity Blocks belong (the fourth block of stage 2, the fourth to sixth of stage
3, the second and third of stage 4).
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.datasets import ImageFolder

BATCH_SIZE = 128
PROJECTED = ({0}, {0, 3}, {0, 3, 4, 5}, {0, 1, 2})  # blocks of each stage that are Conv Blocks
DEPTHS, WIDTHS = (3, 4, 6, 3), (64, 128, 256, 512)


class Block(nn.Module):
    """A Bottleneck; with `project`, the article's Conv Block."""

    def __init__(self, in_channels: int, width: int, stride: int, project: bool) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, width, 1, stride),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 4 * width, 1),
            nn.BatchNorm2d(4 * width),
        )
        self.shortcut = nn.Identity()
        if project:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, 4 * width, 1, stride), nn.BatchNorm2d(4 * width))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.branch(x) + self.shortcut(x))


def article_network(classes: int = 10) -> nn.Module:
    """(N, 3, H, W) -> logits (N, classes)."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for stage, (depth, width) in enumerate(zip(DEPTHS, WIDTHS, strict=True)):
        for index in range(depth):
            stride = 2 if stage and not index else 1
            layers.append(Block(channels, width, stride, index in PROJECTED[stage]))
            channels = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def article_loop(folder: Path) -> Iterator[None]:
    """Its training loop over the pictures in `folder`, a step at a time: shuffled DataLoader without workers, resize,
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
    """A folder whose pictures stand decoded in memory, as torchvision's CIFAR10 keeps them."""

    def __init__(self, folder: Path, transform) -> None:
        super().__init__(str(folder), transform)
        self.pictures = [self.loader(path) for path, _ in self.samples]

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.pictures[index]), self.targets[index]


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

"""Training loops that are timed in alternation: an iterator that has made a step whenever it yields."""

import gc
import math
import statistics
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
import torchvision
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms

from benchmarks.article import article_network, plain_loop
from benchmarks.gpu.modes import WARM_UP_STEPS, synchronize
from benchmarks.gpu.networks import noise
from benchmarks.gpu.setting import Setting
from resnet_demo.data.dataset import Dataset
from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.store import RunStore
from resnet_demo.training.device import prepare
from resnet_demo.training.trainer import Trainer
from resnet_demo.workers.worker import Worker

LOADER_WORKERS = 8
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WINDOW_S = 0.3  # at least, so that the clock's end does not count
WINDOWS = 5
MEETS_AN_EPOCHS_END = 512  # images of a batch, from which on an epoch may have fewer steps than all windows

Loop = Iterator[None]


class InMemory(torch.utils.data.Dataset):
    """Decoded images that become a PIL image each time they are asked for, as torchvision's CIFAR10 does it."""

    def __init__(self, dataset: Dataset, transform) -> None:
        self.images = dataset.train_images.permute(0, 2, 3, 1).contiguous().numpy()
        self.labels = dataset.train_labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def article_loop(dataset: Dataset, device: str, batch_size: int) -> Loop:
    """The article's network, loader and Adam, in float32 as PyTorch takes it where nothing is set: products exact, on
    CUDA convolutions in TF32."""
    prepare_image = transforms.Compose(
        [transforms.Resize((32, 32)), transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    )
    model = article_network().to(device)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    loop = plain_loop(model, optimizer, InMemory(dataset, prepare_image), batch_size=batch_size)
    while True:
        # The loops that it is timed beside set this for the whole process.
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        next(loop)
        torch.set_float32_matmul_precision(before)
        yield


def torchvision_loop(dataset: Dataset, device: str, batch_size: int, stem: str) -> Loop:
    """torchvision's resnet50 as one would train it without much thought: channels_last, bfloat16 by autocast, SGD,
    a DataLoader whose processes crop and mirror."""
    prepare_image = transforms.Compose(
        [
            transforms.RandomCrop(32, 4, padding_mode="reflect"),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    model = torchvision.models.resnet50(num_classes=10)
    if stem == "cifar":
        model.conv1, model.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.Identity()
    model = model.to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
    yield from plain_loop(
        model,
        optimizer,
        InMemory(dataset, prepare_image),
        channels_last=True,
        batch_size=batch_size,
        autocast=partial(torch.autocast, device, torch.bfloat16),
        workers=LOADER_WORKERS if device == "cuda" else 0,
    )


def worker_loop(setting: Setting, name: str, config: TrainConfig) -> Loop:
    """Ours as a user gets it: augmentation, averaging, events and progress written to the disk."""
    worker = Worker(RunStore(setting.runs / name.replace("/", "-")).create(config), setting.data_dir)
    for event in worker.work():
        if isinstance(event, events.RunEnded):
            raise RuntimeError(f"{name}: {event.message}")
        if isinstance(event, events.StepEnded) and event.phase == "training":
            yield


def trainer_loop(config: TrainConfig, images: int) -> Loop:
    """The step alone, on random images: what is left when nothing is written and next to nothing is evaluated."""
    config = replace(config, log_every_steps=10_000, measure_blocks_every=0, epochs=1000, validation_images=0)
    dataset = noise(images)
    trainer = Trainer(config, dataset, prepare(config))
    if config.batch_size >= MEETS_AN_EPOCHS_END:  # so that no window chooses its kernels
        trainer.probabilities(dataset.test_images)
    for event in trainer.run():
        if isinstance(event, events.StepEnded) and event.phase == "training":
            yield


def rates(loops: dict[str, Loop], device: str, batch_size: int, tiny: bool = False) -> dict[str, list[float]]:
    """images/s of each loop in each window, in alternation, after a warm-up that also tells how many steps a window
    takes. A loop that fails in its warm-up is left out; the log says why."""
    warm_up, least, windows = (1, 1, 2) if tiny else (WARM_UP_STEPS, 3, WINDOWS)
    counts: dict[str, int] = {}
    for name, loop in loops.items():
        try:
            _steps(loop, warm_up)
            taken_s = seconds(loop, warm_up, device)
        except Exception:  # noqa: BLE001 - the other loops are measured all the same
            traceback.print_exc()
            continue
        counts[name] = least if tiny else max(least, math.ceil(WINDOW_S * warm_up / taken_s))
    found: dict[str, list[float]] = {name: [] for name in counts}
    for _ in range(windows):
        for name, steps in counts.items():
            found[name].append(steps * batch_size / seconds(loops[name], steps, device))
    return found


def seconds(loop: Loop, steps: int, device: str) -> float:
    """What so many steps take, until the device has done them."""
    synchronize(device)
    start = time.perf_counter()
    _steps(loop, steps)
    synchronize(device)
    return time.perf_counter() - start


def _steps(loop: Loop, count: int) -> None:
    for _ in range(count):
        next(loop)


def ratios(ours: list[float], base: list[float]) -> float:
    """The median over the windows, each against the one beside it."""
    return statistics.median(one / other for one, other in zip(ours, base, strict=True))


def forget() -> None:
    """Give memory back before the next measurement, and compiled programs: the compiler takes another batch size of
    the same network for a size that changes, and would make a more general, slower program."""
    torch.compiler.reset()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

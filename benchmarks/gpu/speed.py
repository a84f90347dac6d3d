"""How fast? Loops in alternation and our step by network, batch and mode, beside what the card can do."""

import itertools
import statistics
import traceback
from collections.abc import Iterable
from dataclasses import replace

import torch

from benchmarks.gpu.ceilings import copy_rate, product_rate, step_bytes, step_flop
from benchmarks.gpu.checks import one_line
from benchmarks.gpu.loops import Loop, article_loop, forget, rates, ratios, torchvision_loop, trainer_loop, worker_loop
from benchmarks.gpu.modes import COMPILED, MODES, QUICK, key
from benchmarks.gpu.networks import BATCHES, CIFAR, COMPACT, IMAGENET, SMALL, TINY, name_of
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.smoke import config_for
from benchmarks.machine import spread
from resnet_demo.data.dataset import Dataset
from resnet_demo.data.sources import drain, load_dataset
from resnet_demo.models.resnet import NetworkSpec
from resnet_demo.runs.config import TrainConfig, preset_config

FAILED = "failed: the log says why"
COMPILING_S = 75.0  # not begun with less time: compiling takes a minute or so, and the loops behind it their share
MEASURING_S = 12.0

Measured = tuple[NetworkSpec, int, list[str]]  # network, batch, modes
FIRST: list[Measured] = [(CIFAR, 256, QUICK), (CIFAR, 256, COMPILED[:1])]


def run(setting: Setting) -> None:
    """In the order of what is missed the most where the time ends."""
    torch.backends.cudnn.benchmark = True  # of all loops: a process keeps what was chosen for a convolution first
    setting.report("## How fast?\n")
    grid = Grid(setting, *_ceilings(setting))
    dataset = drain(load_dataset(setting.source(), setting.data_dir))
    if setting.tiny:
        measure_loops(setting, dataset, "imagenet")
        grid.measure_all([(TINY[0], 16, QUICK)])
        return
    measure_loops(setting, dataset, "cifar")
    grid.measure_all(FIRST)
    measure_loops(setting, dataset, "imagenet")
    grid.measure_all(rest())


def rest() -> list[Measured]:
    """What is measured behind FIRST and the loops of both stems."""
    pairs = [(SMALL, 512), (IMAGENET, 128)]
    others = [
        pair
        for pair in itertools.product((CIFAR, SMALL, IMAGENET, COMPACT), BATCHES)
        if pair not in (*pairs, (CIFAR, 256))
    ]
    return [
        (SMALL, 512, QUICK),
        (CIFAR, 256, COMPILED[1:]),
        (SMALL, 512, COMPILED),
        (IMAGENET, 128, QUICK),
        *((*pair, QUICK) for pair in others),
        *((*pair, COMPILED) for pair in [(IMAGENET, 128), (COMPACT, 128), (CIFAR, 512)]),
    ]


def _ceilings(setting: Setting) -> tuple[float, float]:
    size, megabytes = (512, 16) if setting.tiny else (8192, _copied_megabytes())
    product, copy = product_rate(setting.device, size), copy_rate(setting.device, megabytes)
    setting.report(
        f"A bfloat16 product of {size}x{size} matrices of random numbers runs at {product / 1e12:.2f} TFLOP/s, a copy "
        f"of {megabytes} MiB at {copy / 1e12:.2f} TB/s (read and written bytes).\n"
    )
    setting.keep(product_rate=product, copy_rate=copy)
    forget()
    return product, copy


def _copied_megabytes() -> int:
    """Many times the caches, and twice that fits the card."""
    return min(4096, torch.cuda.get_device_properties(0).total_memory // 2**20 // 8)


# --- loops ----------------------------------------------------------------------------------------------------


def measure_loops(setting: Setting, dataset: Dataset, stem: str) -> None:
    """A table of ours beside torchvision's network in a plain loop, and where the stem is its own the article's."""
    batch = 16 if setting.tiny else 128
    what = f"training loop, stem {stem}, batch {batch}, 32 px, all with cudnn.benchmark"
    plain = "torchvision's resnet50, plain loop, bfloat16"
    loops: dict[str, Loop] = {plain: torchvision_loop(dataset, setting.device, batch, stem)}
    if stem == "imagenet":
        loops["the article's loop, float32 (TF32 convolutions, PyTorch's default)"] = article_loop(
            dataset, setting.device, batch
        )
    for mode in QUICK:
        config = replace(_users_config(setting, stem, batch), **MODES[mode])
        loops[f"resnet_demo, {mode}"] = worker_loop(setting, f"{stem}-{mode}", config)
    found = rates(loops, setting.device, batch, setting.tiny)
    setting.report(f"| {what} | images/s, median of the windows | times the plain loop |")
    setting.report("|---|---|---|")
    for name in loops:
        times = f"{ratios(found[name], found[plain]):.2f}" if name in found and plain in found else "–"
        setting.report(f"| {name} | {spread(found[name]) if name in found else FAILED} | {times} |")
    setting.report()
    for loop in loops.values():
        loop.close()
    forget()


def _users_config(setting: Setting, stem: str, batch: int) -> TrainConfig:
    """So many epochs that no window meets the end of the run. On a fast card a window may meet an epoch's evaluation:
    the median stands."""
    arch = TINY[0].arch if setting.tiny else "resnet50"
    return preset_config(
        "accurate", arch=arch, stem=stem, epochs=1000, batch_size=batch, data=setting.source(), device=setting.device
    )


# --- the grid -------------------------------------------------------------------------------------------------


class Grid:
    """Our step alone: rates by network, batch and mode."""

    def __init__(self, setting: Setting, product_rate: float, copy_rate: float) -> None:
        self.setting, self.product_rate, self.copy_rate = setting, product_rate, copy_rate
        self.rates: dict[str, float] = {}

    def measure_all(self, plan: Iterable[Measured]) -> None:
        """A table of all that there is time for; what there is none for is named below."""
        self.setting.report("| our step | batch | mode | images/s | of the product rate | of the copy rate |")
        self.setting.report("|---|---|---|---|---|---|")
        for spec, batch, modes in plan:
            needed = MEASURING_S if modes == QUICK else COMPILING_S
            if self.setting.remaining_s < needed and not self.setting.tiny:
                left_out = f"{name_of(spec)} at {batch} ({', '.join(modes)})"
                self.setting.note(f"Not measured, for want of time: {left_out}.\n", below=True)
                continue
            self.measure(spec, batch, modes)
        self.setting.report()

    def measure(self, spec: NetworkSpec, batch: int, modes: list[str]) -> None:
        """All modes in alternation; what cannot be measured is said and left out."""
        config = config_for(self.setting, spec, batch_size=batch)
        try:
            images = 200 if self.setting.tiny else 50_000
            loops = {mode: trainer_loop(replace(config, **MODES[mode]), images) for mode in modes}
            found = rates(loops, self.setting.device, batch, self.setting.tiny)
            for mode in modes:
                if mode in found:
                    self._report(spec, batch, mode, found[mode])
                else:
                    self.setting.report(f"| {name_of(spec)} | {batch} | {mode} | {FAILED} | | |")
        except Exception as error:  # noqa: BLE001 - the next network is measured all the same
            traceback.print_exc()
            self.setting.report(f"| {name_of(spec)} | {batch} | {', '.join(modes)} | {one_line(error)} | | |")
        finally:
            loops = None
            forget()

    def _report(self, spec: NetworkSpec, batch: int, mode: str, values: list[float]) -> None:
        rate = statistics.median(values)
        self.rates[key(config_for(self.setting, spec, batch_size=batch), mode)] = rate
        self.setting.keep(rates=self.rates)
        shares = f"{rate * step_flop(spec) / self.product_rate:.1%} | {rate * step_bytes(spec) / self.copy_rate:.1%}"
        self.setting.report(f"| {name_of(spec)} | {batch} | {mode} | {spread(values)} | {shares} |")

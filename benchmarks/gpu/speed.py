"""How fast? Three loops in alternation, then our step by network, batch and mode beside what the card can do."""

import gc
import itertools
import statistics
import traceback
from collections.abc import Iterator
from dataclasses import replace

import torch

from benchmarks.gpu import kernels
from benchmarks.gpu.ceilings import copy_rate, product_rate, step_bytes, step_flop
from benchmarks.gpu.checks import one_line
from benchmarks.gpu.loops import Loop, article_loop, rates, ratios, torchvision_loop, trainer_loop, worker_loop
from benchmarks.gpu.modes import MODES, key
from benchmarks.gpu.networks import BATCHES, MEASURED, TINY, name_of
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.smoke import config_for
from benchmarks.machine import spread
from resnet_demo.data.sources import drain, load_dataset
from resnet_demo.models.resnet import NetworkSpec
from resnet_demo.runs.config import TrainConfig, preset_config

IMAGENET, COMPACT, CIFAR, SMALL = MEASURED
QUICK = [mode for mode in MODES if "compiled" not in mode]  # compiling takes a minute or so
SLOW = [mode for mode in MODES if "compiled" in mode]
FAILED = "failed: the log says why"
COMPILING_S = 75.0  # not begun with less time
MEASURING_S = 12.0


def run(setting: Setting) -> None:
    """In the order of what is missed the most where the time ends."""
    torch.backends.cudnn.benchmark = True  # of all loops: a process keeps what was chosen for a convolution first
    setting.report("## How fast?\n")
    product, copy = _ceilings(setting)
    _three_loops(setting)
    grid = Grid(setting, product, copy)
    for spec, batch, modes, is_profiled in plan(setting):
        needed = COMPILING_S if modes == SLOW else MEASURING_S
        if setting.remaining_s < needed and not setting.tiny:
            left_out = f"{name_of(spec)} at {batch} ({', '.join(modes)})"
            setting.note(f"Not measured, for want of time: {left_out}.\n", below=True)
            continue
        grid.measure(spec, batch, modes, is_profiled)


def plan(setting: Setting) -> Iterator[tuple[NetworkSpec, int, list[str], bool]]:
    """Network, batch, modes, and whether its kernels are looked at."""
    if setting.tiny:
        yield TINY[0], 16, QUICK, True
        return
    first = [(CIFAR, 256), (SMALL, 512), (IMAGENET, 128)]
    yield from ((*pair, QUICK, True) for pair in first)
    yield CIFAR, 256, SLOW, True
    yield SMALL, 512, SLOW, True
    rest = [pair for pair in itertools.product((CIFAR, SMALL, IMAGENET, COMPACT), BATCHES) if pair not in first]
    yield from ((*pair, QUICK, pair == (COMPACT, 128)) for pair in rest)
    yield from ((spec, batch, SLOW, False) for spec, batch in ((IMAGENET, 128), (COMPACT, 128), (CIFAR, 512)))


def _ceilings(setting: Setting) -> tuple[float, float]:
    size, megabytes = (512, 16) if setting.tiny else (8192, _copied_megabytes())
    product, copy = product_rate(setting.device, size), copy_rate(setting.device, megabytes)
    setting.report(
        f"A bfloat16 product of {size}x{size} matrices of random numbers runs at {product / 1e12:.2f} TFLOP/s, a copy "
        f"of {megabytes} MiB at {copy / 1e12:.2f} TB/s (read and written bytes).\n"
    )
    setting.keep(product_rate=product, copy_rate=copy)
    _forget()
    return product, copy


def _copied_megabytes() -> int:
    """Many times the caches, and twice that fits the card."""
    return min(4096, torch.cuda.get_device_properties(0).total_memory // 2**20 // 8)


# --- three loops ----------------------------------------------------------------------------------------------


def _three_loops(setting: Setting) -> None:
    dataset = drain(load_dataset(setting.source(), setting.data_dir))
    batch = 16 if setting.tiny else 128
    what = f"training loop, batch {batch}, 32 px, all with cudnn.benchmark"
    setting.report(f"| {what} | images/s, median of the windows | times the plain loop |")
    setting.report("|---|---|---|")
    for stem in ("imagenet",) if setting.tiny else ("imagenet", "cifar"):
        plain = f"torchvision's resnet50, plain loop, bfloat16, stem {stem}"
        loops: dict[str, Loop] = {plain: torchvision_loop(dataset, setting.device, batch, stem)}
        if stem == "imagenet":
            loops["the article's loop, float32"] = article_loop(dataset, setting.device, batch)
        for mode in QUICK:
            config = replace(_users_config(setting, stem, batch), **MODES[mode])
            loops[f"resnet_demo, stem {stem}, {mode}"] = worker_loop(setting, f"{stem}-{mode}", config)
        found = rates(loops, setting.device, batch, setting.tiny)
        for name in loops:
            times = f"{ratios(found[name], found[plain]):.2f}" if name in found and plain in found else "–"
            setting.report(f"| {name} | {spread(found[name]) if name in found else FAILED} | {times} |")
        for loop in loops.values():
            loop.close()
        _forget()
    setting.report()


def _users_config(setting: Setting, stem: str, batch: int) -> TrainConfig:
    """So many epochs that no window meets the end of the run. On a fast card a window may meet an epoch's evaluation:
    the median stands."""
    arch = TINY[0].arch if setting.tiny else "resnet50"
    return preset_config(
        "accurate", arch=arch, stem=stem, epochs=1000, batch_size=batch, data=setting.source(), device=setting.device
    )


# --- the grid -------------------------------------------------------------------------------------------------


class Grid:
    """Our step alone: rates by network, batch and mode, and where the time goes."""

    def __init__(self, setting: Setting, product_rate: float, copy_rate: float) -> None:
        self.setting, self.product_rate, self.copy_rate = setting, product_rate, copy_rate
        self.rates: dict[str, float] = {}
        setting.report("| our step | batch | mode | images/s | of the product rate | of the copy rate |")
        setting.report("|---|---|---|---|---|---|")

    def measure(self, spec: NetworkSpec, batch: int, modes: list[str], is_profiled: bool) -> None:
        """All modes in alternation; what cannot be measured is said and left out."""
        config = config_for(self.setting, spec, batch_size=batch)
        try:
            images = 200 if self.setting.tiny else 50_000
            loops = {mode: trainer_loop(replace(config, **MODES[mode]), images) for mode in modes}
            found = rates(loops, self.setting.device, batch, self.setting.tiny)
            for mode in modes:
                if mode not in found:
                    self.setting.report(f"| {name_of(spec)} | {batch} | {mode} | {FAILED} | | |")
                    continue
                self._report(spec, batch, mode, found[mode])
                if is_profiled:
                    self._profile(spec, batch, mode, loops[mode])
        except Exception as error:  # noqa: BLE001 - the next network is measured all the same
            traceback.print_exc()
            self.setting.report(f"| {name_of(spec)} | {batch} | {', '.join(modes)} | {one_line(error)} | | |")
        finally:
            loops = None
            _forget()

    def _report(self, spec: NetworkSpec, batch: int, mode: str, values: list[float]) -> None:
        rate = statistics.median(values)
        self.rates[key(config_for(self.setting, spec, batch_size=batch), mode)] = rate
        self.setting.keep(rates=self.rates)
        shares = f"{rate * step_flop(spec) / self.product_rate:.1%} | {rate * step_bytes(spec) / self.copy_rate:.1%}"
        self.setting.report(f"| {name_of(spec)} | {batch} | {mode} | {spread(values)} | {shares} |")

    def _profile(self, spec: NetworkSpec, batch: int, mode: str, loop: Loop) -> None:
        title = f"{name_of(spec)}, batch {batch}, {mode}"
        try:
            profiled = kernels.profile_step(loop, self.setting.device)
        except RuntimeError as error:
            self.setting.note(f"{title}: {one_line(error)}\n", below=True)
            return
        print(title)
        kernels.log(profiled)
        idle = f"{profiled.count:.0f} kernels a step, the device stands idle for {1 - profiled.busy:.1%} of it"
        for line in (f"**{title}**: {idle}.", "", *kernels.table(profiled), ""):
            self.setting.note(line, below=True)


def _forget() -> None:
    """Give memory back before the next measurement, and compiled programs: the compiler takes another batch size of
    the same network for a size that changes, and would make a more general, slower program."""
    torch.compiler.reset()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

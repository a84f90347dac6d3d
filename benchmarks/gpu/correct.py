"""Is it right? What this device computes against float64 on the CPU, and what a run promises against what it does."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache

import torch

from benchmarks.gpu import processes
from benchmarks.gpu.checks import Check, run_checks
from benchmarks.gpu.comparison import Errors, Step, errors, relative
from benchmarks.gpu.networks import RESNET50, TINY, measured, name_of, noise
from benchmarks.gpu.setting import Setting
from benchmarks.gpu.smoke import config_for
from resnet_demo.data.batches import Augment, LabelledImages, Normalise, draw_epoch, make_batch
from resnet_demo.models.resnet import NetworkSpec
from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig
from resnet_demo.training.cuda_graph import WARM_UP_STEPS
from resnet_demo.training.device import choose_device, prepare
from resnet_demo.training.trainer import Trainer

BATCH = 32
FLOAT32, BFLOAT16 = 1e-4, 2e-2  # relative errors that are taken for rounding
TIMES_THE_CPUS = 2.0  # of the CPU's own error in bfloat16: the network's depth makes it more than one product's


def run(setting: Setting) -> None:
    setting.report("## Is it right?\n")
    specs, on_cuda = TINY if setting.tiny else RESNET50, setting.device == "cuda"
    numbers = [check for spec in specs for check in (float32(spec), bfloat16(spec))]
    run_checks(
        setting,
        [
            *[replays] * on_cuda,  # later parts use CUDA graphs only where this holds
            continues,
            *[continues_alike_enough, repeats],  # before others choose kernels by another rule, which cuDNN would keep
            *numbers,
            augments_alike,
            *[is_deterministic(spec) for spec in specs],
            *[scales] * on_cuda,
            *processes.checks(setting),
        ],
    )


# --- one step -------------------------------------------------------------------------------------------------


@cache
def _step(spec: NetworkSpec, smooth: bool) -> tuple[Step, object]:
    """A step and its numbers in float64: they take the longest, and several checks are held to them."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(BATCH, 3, 32, 32, generator=generator)
    step = Step(spec, smooth, images, torch.randint(10, (BATCH,), generator=generator))
    return step, step.reference()


def _errors(spec: NetworkSpec, smooth: bool, device: str, precision: str) -> Errors:
    step, reference = _step(spec, smooth)
    with exact_float32():
        return errors(step.on(choose_device(device, precision)), reference)


def float32(spec: NetworkSpec) -> Check:
    def check(setting: Setting) -> str:
        smooth, real = (_errors(spec, smooth, setting.device, "float32") for smooth in (True, False))
        worst = max(smooth.logits, smooth.loss, smooth.weights, smooth.worst_gradient[0])
        assert worst < FLOAT32, f"with smooth activations: {smooth}"
        assert max(real.logits, real.loss, real.weights) < FLOAT32, f"with ReLUs: {real}"
        return f"{smooth}; with ReLUs: {real}"

    return _named(check, f"A step in float32 of {name_of(spec)} is float64's (smooth activations, every tensor)")


def bfloat16(spec: NetworkSpec) -> Check:
    def check(setting: Setting) -> str:
        ours, cpus = (_errors(spec, False, device, "bfloat16") for device in (setting.device, "cpu"))
        assert max(ours.loss, ours.weights) < BFLOAT16, f"{ours}"
        for part in ("logits", "gradients"):
            limit = max(TIMES_THE_CPUS * getattr(cpus, part), BFLOAT16)
            assert getattr(ours, part) < limit, f"{ours}; on the CPU {cpus}"
        return f"{ours}; on the CPU: {cpus}"

    return _named(check, f"A step in bfloat16 of {name_of(spec)} is as near to float64 as the CPU's")


def _named(check: Check, text: str) -> Check:
    check.__doc__, check.__name__ = text, text
    return check


@contextmanager
def exact_float32() -> Iterator[None]:
    """No TF32, which keeps 10 bits of the 23."""
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions


# --- whole runs -----------------------------------------------------------------------------------------------


def augments_alike(setting: Setting) -> str:
    """Shuffled, shifted, mirrored and cut images are the CPU's, bit for bit."""
    dataset = noise(500)
    normalise, augment = Normalise(dataset.mean, dataset.std), Augment(4, True, 8)

    def drawn(device: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
        images = LabelledImages(dataset.train_images, dataset.train_labels).to(torch.device(device))
        epoch = draw_epoch(images, 64, augment, seed=3, epoch=2, first_batch=1)
        return [make_batch(images, plan, augment, normalise) for plan in epoch]

    ours, wanted = drawn(setting.device), drawn("cpu")
    assert len(ours) == len(wanted) == 6
    for (images, labels), (wanted_images, wanted_labels) in zip(ours, wanted, strict=True):
        assert torch.equal(labels.cpu(), wanted_labels), "labels differ"
        assert torch.equal(images.cpu(), wanted_images), "images differ"
        assert images.is_contiguous(memory_format=torch.channels_last)
    return "6 batches of 64"


@contextmanager
def deterministic(is_on: bool) -> Iterator[None]:
    """Kernels whose sums have one order; else the fastest."""
    before = torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(is_on, warn_only=True)
    torch.backends.cudnn.benchmark = not is_on
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.benchmark = before


def _config(setting: Setting, **changes) -> TrainConfig:
    spec = measured(setting)[-1]
    return config_for(setting, spec, epochs=2, batch_size=32, learning_rate=0.05, log_every_steps=1, **changes)


def _trained(config: TrainConfig, stop_at: int | None = None) -> Trainer:
    """To the end; with `stop_at` saved there and continued by another trainer."""
    dataset, choice = noise(180), choose_device(config.device, config.precision)
    trainer = Trainer(config, dataset, choice)
    for event in trainer.run():
        if stop_at == event.step and isinstance(event, events.StepEnded):
            state = copy.deepcopy(trainer.state_dict())  # loading takes tensors over where they are
            trainer = Trainer(config, dataset, choice)
            trainer.load_state_dict(state)
            for _ in trainer.run():
                pass
            break
    return trainer


def _apart(first: Trainer, second: Trainer) -> float:
    """The relative distance of all weights; 0 only where every bit of weights and buffers is the same."""
    ours, others = first.model.state_dict(), second.model.state_dict()
    if all(torch.equal(ours[name], others[name]) for name in ours):
        return 0.0
    one, other = (torch.cat([p.detach().flatten() for p in t.model.parameters()]).double() for t in (first, second))
    return max(relative(one, other), 1e-12)


def continues(setting: Setting) -> str:
    """Stopped at step 3 and resumed is never stopped, bit for bit with deterministic kernels."""
    with deterministic(True):
        config = _config(setting)
        apart = _apart(_trained(config), _trained(config, stop_at=3))
    assert apart == 0.0, f"the weights are {apart:.0e} apart"
    return "every bit the same after 10 steps"


def is_deterministic(spec: NetworkSpec) -> Check:
    def check(setting: Setting) -> str:
        with deterministic(True):
            config = config_for(setting, spec, epochs=1, batch_size=32, deterministic=True)
            prepare(config)  # as a run does: PyTorch raises where a kernel has no deterministic form
            apart = _apart(_trained(config), _trained(config))
        assert apart == 0.0, f"the weights are {apart:.0e} apart"
        return "every bit the same after 5 steps"

    return _named(check, f"Two runs of {name_of(spec)} with --deterministic are one")


def continues_alike_enough(setting: Setting) -> str:
    """The same with the fastest kernels, to rounding."""
    with deterministic(False):
        config = _config(setting)
        apart = _apart(_trained(config), _trained(config, stop_at=3))
    assert apart < 0.5, f"the weights are {apart:.0e} apart"
    return f"the weights are {apart:.0e} apart after 10 steps"


def replays(setting: Setting) -> str:
    """A step replayed from a CUDA graph is the step, bit for bit, also after a resume."""
    with deterministic(True):
        config = _config(setting)
        eager, graph = _trained(config), replace(config, cuda_graph=True)
        stops = {"whole": None, "resumed": WARM_UP_STEPS + 2}  # replays before it, and from the ninth step on
        apart = {name: _apart(eager, _trained(graph, stop_at)) for name, stop_at in stops.items()}
        adam = replace(config, optimizer="adamw", learning_rate=0.003)
        apart["AdamW"] = _apart(_trained(adam), _trained(replace(adam, cuda_graph=True)))
    assert max(apart.values()) == 0.0, f"the weights are apart: {apart}"
    return "every bit the same after 10 steps, with SGD and with AdamW"


def scales(setting: Setting) -> str:
    """float16 with its scaled loss learns as bfloat16 does, eager and from a CUDA graph."""
    found = {}
    for name, changes in (("bfloat16", {}), ("float16", {}), ("float16", {"cuda_graph": True})):
        config = replace(_config(setting), precision=name, epochs=6, **changes)
        stream = list(Trainer(config, noise(180), choose_device(config.device, name)).run())
        losses = [event.train_loss for event in stream if isinstance(event, events.MetricsLogged)]
        found[f"{name}{', CUDA graph' * bool(changes)}"] = losses[-1]
    assert max(found.values()) < 1.3 * found["bfloat16"], found
    return ", ".join(f"{name} ends at a loss of {loss:.2f}" for name, loss in found.items())


def repeats(setting: Setting) -> str:
    """Two runs of one seed, with deterministic and with the fastest kernels."""
    found = {}
    for is_on in (True, False):
        with deterministic(is_on):
            config = replace(_config(setting), seed=1)
            found[is_on] = _apart(_trained(config), _trained(config))
    assert found[True] == 0.0, f"with deterministic kernels the weights are {found[True]:.0e} apart"
    return f"every bit the same with deterministic kernels, else {found[False]:.0e} apart after 10 steps"

"""Run by itself first, it spares a lease: versions, the card, one step of each network, a save and a read."""

import platform
import shutil
import subprocess
import tempfile
from functools import partial
from itertools import islice
from pathlib import Path

import torch

from benchmarks.gpu.checks import Check, run_checks
from benchmarks.gpu.networks import family, measured, name_of, noise
from benchmarks.gpu.setting import Setting
from resnet_demo.models.checkpoint import load_model, save_model
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.models.resnet import NetworkSpec
from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig, preset_config
from resnet_demo.training.device import choose_device, prepare
from resnet_demo.training.resume_state import load_state, save_state
from resnet_demo.training.trainer import Trainer

BATCH = 64
STEPS = 2


def run(setting: Setting) -> None:
    setting.report("## Smoke\n")
    setting.report(machine(setting) + "\n")
    specs = [*measured(setting), *(NetworkSpec(name, "cifar") for name in family(setting))]
    run_checks(setting, [*(step_of(spec) for spec in specs), save_and_read, compiles])


def machine(setting: Setting) -> str:
    """The card and the versions, in one line."""
    versions = f"torch {torch.__version__}, Python {platform.python_version()}, {torch.get_num_threads()} CPU threads"
    if setting.device != "cuda":
        return f"CPU (a rehearsal); {versions}."
    card = torch.cuda.get_device_properties(0)
    return (
        f"{card.name}, {card.total_memory / 2**30:.0f} GiB, {card.multi_processor_count} multiprocessors, compute "
        f"capability {card.major}.{card.minor}, driver {_driver()}, CUDA {torch.version.cuda}, "
        f"cuDNN {torch.backends.cudnn.version()}; {versions}."
    )


def _driver() -> str:
    if not shutil.which("nvidia-smi"):
        return "unknown"
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip() or "unknown"


def config_for(setting: Setting, spec: NetworkSpec, **changes) -> TrainConfig:
    """Augmentation, averaging and all else that a run has, on this device."""
    return preset_config(
        "accurate", arch=spec.arch, stem=spec.stem, device=setting.device, **{"batch_size": BATCH, **changes}
    )


def step_of(spec: NetworkSpec) -> Check:
    """A check that so many steps of the network can be made, and evaluated."""

    def check(setting: Setting) -> str:
        config = config_for(setting, spec, epochs=1, whiten_stem=True, log_every_steps=1)
        choice = prepare(config)
        torch.backends.cudnn.benchmark = False  # trying kernels out takes longer than these few steps
        trainer = Trainer(config, noise(STEPS * BATCH * 10 // 9), choice)
        told = list(trainer.run())
        losses = [event.train_loss for event in told if isinstance(event, events.MetricsLogged)]
        assert len(losses) == STEPS and told[-1].outcome == "finished", told[-1]
        return f"losses {', '.join(f'{loss:.2f}' for loss in losses)} in {str(trainer.choice.precision)[6:]}"

    check.__doc__ = f"{STEPS} steps and an evaluation of {name_of(spec)}."
    check.__name__ = f"step_of_{spec.arch}_{spec.stem}"
    return check


def save_and_read(setting: Setting) -> str:
    """What is saved is what is read, the state to go on from and the weights."""
    config = config_for(setting, measured(setting)[-1])
    make = partial(Trainer, config, noise(150), choose_device(config.device))
    trainer = make()
    list(islice(trainer.run(), 2))  # its start and its first step
    info = ModelInfo(
        config.arch,
        config.stem,
        trainer.data.classes,
        trainer.data.normalise.mean,
        trainer.data.normalise.std,
        "noise",
        False,
        0,
        1,
        0.0,
    )
    with tempfile.TemporaryDirectory(dir=setting.work) as folder:
        state, weights = Path(folder, "resume.pt"), Path(folder, "model.safetensors")
        save_state(state, trainer.state_dict())
        save_model(weights, trainer.ema_model, info)
        again = make()
        again.load_state_dict(load_state(state))
        answers = load_model(weights)[0].state_dict()
        size = state.stat().st_size
    for name, tensor in trainer.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name]), f"'{name}' came back changed"
    for name, tensor in trainer.ema_model.state_dict().items():
        assert torch.equal(tensor.cpu(), answers[name]), f"'{name}' of the averaged weights came back changed"
    assert again.step == trainer.step == 1
    return f"{size / 1e6:.0f} MB of state"


def compiles(setting: Setting) -> str:
    """PyTorch can compile here."""
    backend = "inductor" if setting.device == "cuda" else "aot_eager"  # a CPU may have no C++ compiler
    compiled = torch.compile(lambda x: torch.relu(x) * 2 + 1, backend=backend)
    x = torch.randn(1000, device=setting.device)
    torch.testing.assert_close(compiled(x), torch.relu(x) * 2 + 1)
    return "a compiled function computes what the same function does eagerly"

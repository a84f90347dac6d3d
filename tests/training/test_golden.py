"""A speed-up must not change what is learned: the loss of the first 20 steps, kept as a small file.

In float64, since float32's rounding alone moves the curve by 2e-2 within three steps without a warm-up. The file was
made with nn.Conv2d: `python -m tests.training.test_golden` writes it anew, which a speed-up never calls for.
"""

import json
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import nn

from resnet_demo.data.sources import drain, load_dataset
from resnet_demo.models.small_maps import SmallMapConv2d
from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.training.device import choose_device
from resnet_demo.training.optimizer import make_optimizer
from resnet_demo.training.trainer import Trainer

GOLDEN = Path(__file__).with_name("golden_losses.json")
STEPS = 20


def losses(plain: bool) -> list[float]:
    """The training loss of each step of a ResNet-50 on the digits, by the library's convolutions or by ours."""
    config = preset_config(
        "tour",
        batch_size=16,
        log_every_steps=1,
        whiten_stem=False,
        epochs=6,
        learning_rate=2e-3,
        momentum=0.9,
        norm_bias_lr_mult=1.0,
    )
    trainer = Trainer(config, drain(load_dataset("digits", Path())), choose_device("cpu", "float32"))
    for model in (trainer.model, trainer.ema_model):
        model.double()
    trainer.optimizer = make_optimizer(config, trainer.model)
    as_float = trainer.data.normalise
    trainer.data.normalise = lambda images: as_float(images).double()
    for module in trainer.model.modules():
        if plain and isinstance(module, SmallMapConv2d):
            module.__class__ = nn.Conv2d
    logged = (event.train_loss for event in trainer.run() if isinstance(event, events.MetricsLogged))
    return list(islice(logged, STEPS))


@pytest.mark.parametrize("plain", [True, False], ids=["nn.Conv2d", "SmallMapConv2d"])
def test_the_first_steps_lose_what_they_always_lost(plain):
    golden = json.loads(GOLDEN.read_text())
    assert len(golden) == STEPS and golden[-1] < golden[0]
    torch.testing.assert_close(losses(plain), golden, rtol=1e-3, atol=0)


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps([round(loss, 9) for loss in losses(plain=True)], indent=1) + "\n")

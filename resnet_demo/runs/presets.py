"""The recipes that a form or a command starts from: in which settings each differs from `TrainConfig`'s defaults."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """A recipe: its name for people, what it is for, and the fields in which it differs from the defaults."""

    title: str
    summary: str
    changes: dict[str, Any]


PRESETS = {
    "fast": Preset("Quick: ResNet-50", "The article's accuracy, quickly, on a CPU.", {}),
    "half_hour": Preset(
        "Half an hour: ResNet-18",
        "ResNet-18 with a stem that keeps 16 pixels: about 87 % on a CPU.",
        {"arch": "resnet18", "stem": "compact", "epochs": 15},
    ),
    "accurate": Preset(
        "Best, for a GPU: ResNet-50",
        "For a GPU: the stem that keeps all 32 × 32 positions, 60 epochs.",
        {
            "stem": "cifar",
            "epochs": 60,
            "batch_size": 256,
            "optimizer": "sgd",
            "learning_rate": 0.2,
            "norm_bias_lr_mult": 1.0,
            "weight_decay": 5e-4,
            "momentum": 0.9,
            "ema_decay": 0.999,
            "crop_padding": 4,
        },
    ),
    "minute": Preset(
        "Short, for a large GPU: ResNet-18",
        "For a large GPU: ResNet-18 with all 32 pixels, in few epochs.",
        {
            "arch": "resnet18",
            "stem": "cifar",
            "epochs": 24,
            "batch_size": 512,
            "optimizer": "sgd",
            "learning_rate": 0.4,
            "norm_bias_lr_mult": 1.0,
            "weight_decay": 5e-4,
            "momentum": 0.9,
            "ema_decay": 0.99,
            "crop_padding": 4,
            "cutout": 8,
        },
    ),
    "article": Preset(
        "The article's recipe: ResNet-50",
        "The source article's recipe. Its own network, ResNet-50 of the article, reached 78.41 % after 100 epochs.",
        {
            "zero_init_residual": False,
            "whiten_stem": False,
            "epochs": 100,
            "optimizer": "adam",
            "learning_rate": 1e-3,
            "norm_bias_lr_mult": 1.0,
            "schedule": "constant",
            "warmup": 0.0,
            "weight_decay": 0.0,
            "momentum": 0.9,
            "beta2": 0.999,
            "label_smoothing": 0.0,
            "ema_decay": 0.0,
            "crop_padding": 0,
            "flip": False,
            "normalisation": "imagenet",
            "validation_images": 0,
        },
    ),
    "paper": Preset(
        "As in the paper: ResNet-20",
        "The paper's recipe for its small networks: ResNet-20, whose test accuracy it reports as 91.25 %. For a GPU.",
        {
            "arch": "resnet20",
            "zero_init_residual": False,
            "whiten_stem": False,
            "epochs": 164,
            "optimizer": "sgd",
            "learning_rate": 0.1,
            "norm_bias_lr_mult": 1.0,
            "schedule": "step",
            "warmup": 0.0,
            "weight_decay": 1e-4,
            "momentum": 0.9,
            "label_smoothing": 0.0,
            "ema_decay": 0.0,
            "crop_padding": 4,
            "validation_images": 0,
        },
    ),
    "tour": Preset(
        "Tour: handwritten digits",
        "Handwritten digits: everything moves, nothing is downloaded.",
        {"data": "digits", "batch_size": 64, "ema_decay": 0.95, "log_every_steps": 2, "measure_blocks_every": 10},
    ),
}

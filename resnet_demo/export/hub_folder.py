"""A folder ready for the Hugging Face Hub: weights, what builds the network, and a model card from the run."""

import os
import shutil
from pathlib import Path
from typing import Any

from resnet_demo.data.framing import SIZE
from resnet_demo.export.contract import ExportError
from resnet_demo.export.model_card import model_card
from resnet_demo.export.weights import export_weights
from resnet_demo.files import replace_file, replace_json
from resnet_demo.models.checkpoint import load_weights
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.directory import RunDirectory


def export_hub_folder(run: RunDirectory, output: Path, precision: str = "float32") -> None:
    """Make `output` with model.safetensors, config.json and README.md.

    timm loads it where torchvision has the network, `resnet_demo.load` always. Raises ExportError where `output` is
    there already, RunError or CheckpointError where the run cannot be read, OSError where nothing can be written.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ExportError(f"'{output}' is there already. Name a new folder.")
    unfinished = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        unfinished.mkdir(parents=True)
        _fill(unfinished, run, precision)
        unfinished.replace(output)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _fill(folder: Path, run: RunDirectory, precision: str) -> None:
    export_weights(run.model_path, folder / "model.safetensors", precision)
    weights, info = load_weights(folder / "model.safetensors")  # a training may have replaced the run's meanwhile
    replace_json(folder / "config.json", config_json(info, weights["fc.weight"].shape[1]))
    card = model_card(run, info, precision)
    replace_file(folder / "README.md", lambda temporary: temporary.write_text(card, encoding="utf-8"))


def config_json(info: ModelInfo, num_features: int) -> dict[str, Any]:
    """timm's form, for networks that timm lacks under a name that it does not know: it refuses them by name. What timm
    does not read (stem, shortcut, temperature) stands beside it."""
    spec = info.network()
    return {
        "architecture": spec.arch if spec.is_torchvisions else f"resnet_demo_{spec.arch}_{spec.stem}_{spec.shortcut}",
        "num_classes": spec.num_classes,
        "num_features": num_features,
        "global_pool": "avg",
        "label_names": list(info.classes),
        "stem": spec.stem,
        "shortcut": spec.shortcut,
        "temperature": info.temperature,
        "light_on_dark": info.light_on_dark,
        "pretrained_cfg": {
            "input_size": [3, SIZE, SIZE],
            "fixed_input_size": False,
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "crop_mode": "center",
            "mean": list(info.mean),
            "std": list(info.std),
            "first_conv": "conv1",
            "classifier": "fc",
        },
    }

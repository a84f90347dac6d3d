"""What an exported network takes and gives, in words for whoever has the file alone. Imports no torch."""

from dataclasses import replace

from resnet_demo import __version__
from resnet_demo.data.framing import SIZE
from resnet_demo.data.known import FOLDER, data_label
from resnet_demo.errors import UserError
from resnet_demo.models.checkpoint_info import ModelInfo

PRECISIONS = ("float32", "float16", "bfloat16")  # of weights
_WRITTEN_BY = {"written_by": f"resnet_demo {__version__}"}


class ExportError(UserError):
    """What cannot be exported so: a sentence for people."""


def travelling(info: ModelInfo) -> ModelInfo:
    """Without the folder of this machine that the images lay in: its last part names the data."""
    label = data_label(info.data)
    return replace(info, data=f"{FOLDER}{label}") if info.data.startswith(FOLDER) else info


def image_text(info: ModelInfo) -> str:
    """What to do to an image before a network sees it."""
    crop = f"the largest centred square of an upright RGB image, resized with antialiasing to {SIZE} x {SIZE}"
    if not info.light_on_dark:
        return crop
    return f"{crop}, in grey, light strokes on black: invert an image whose border is light"


def input_text(info: ModelInfo) -> str:
    """Of the bare network, which normalises nothing by itself."""
    mean, std = (", ".join(f"{value:.4f}" for value in values) for values in (info.mean, info.std))
    return (
        f"float32 (N, 3, {SIZE}, {SIZE}), RGB 0..1, less the mean ({mean}), divided by the deviation ({std}); "
        f"{image_text(info)}"
    )


def output_text(info: ModelInfo) -> str:
    divided = f" / {info.temperature:.4f}" if info.calibration else ""
    kind = "calibrated probabilities" if info.calibration else "probabilities, not calibrated"
    mirrored = ", where logits is the mean of an image's and its mirror image's" if info.flip_averaging else ""
    return f"logits (N, {len(info.classes)}), in the order of 'classes'; softmax(logits{divided}) are {kind}{mirrored}"


def onnx_metadata(info: ModelInfo) -> dict[str, str]:
    """What an ONNX file says of itself; its values are texts."""
    told = travelling(info).to_metadata()
    kind = "calibrated" if info.calibration else "not calibrated"
    return {
        **{name: told[name] for name in ("arch", "stem", "shortcut", "classes", "data", "epoch", "step", "accuracy")},
        "input": f"uint8 (N, 3, {SIZE}, {SIZE}), RGB 0..255, normalised inside; {image_text(info)}",
        "output": f"probabilities (N, {len(info.classes)}), {kind}, in the order of 'classes'",
        **_WRITTEN_BY,
    }


def loading_text(info: ModelInfo) -> str:
    """Which program builds the network."""
    spec = info.network()
    if spec.is_torchvisions:
        return (
            f"torchvision.models.{spec.arch}(num_classes={spec.num_classes}) and timm's '{spec.arch}' load these names "
            "as they are (strict)"
        )
    return (
        f"{spec.arch} with the stem '{spec.stem}' and the shortcuts '{spec.shortcut}': torchvision has no such "
        "network; resnet_demo.load opens this file"
    )


def notes(info: ModelInfo) -> dict[str, str]:
    """Metadata of a safetensors file for people, beside those that `ModelInfo` writes."""
    return {
        "input": input_text(info),
        "output": output_text(info),
        "loads_in": loading_text(info),
        **_WRITTEN_BY,
    }

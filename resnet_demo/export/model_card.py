"""A run's model card: README.md of a folder for the Hub, written from the run's files alone. Imports no torch."""

import json
import re
from collections.abc import Iterator
from typing import Any

from resnet_demo.data.known import KNOWN, data_label
from resnet_demo.export.contract import image_text, input_text, output_text
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.config import FROM_FILE, TORCHVISION, TrainConfig
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.evaluation import Evaluation, flattering, load_evaluation
from resnet_demo.runs.events import RunStarted
from resnet_demo.runs.metrics import class_metrics, expected_calibration_error, wilson_interval
from resnet_demo.runs.text import calibration_text, label_of, written
from resnet_demo.text import percent, plural, printable

ON_THE_HUB = {"cifar10": "uoft-cs/cifar10"}  # our name of a data set -> the Hub's
_MARKUP = re.compile(r"([\\`*_\[\]<>|&~#])")


def model_card(run: RunDirectory, info: ModelInfo, precision: str) -> str:
    """Markdown about the checkpoint `info` of the run, whose weights are in `precision`. Raises RunError where the
    run's config.json cannot be read."""
    config, started = run.config(), run.view().started
    evaluation = load_evaluation(run)
    if evaluation is not None and evaluation.step != info.step:
        evaluation = None  # of an earlier checkpoint
    title = run.title() or f"{info.network().architecture.label} on {data_label(info.data)}"
    parts = (
        _front_matter(title, info, _accuracy(info, evaluation)),
        [f"# {_plain(title)}", "", *_what_it_is(info, config)],
        ["## Use", "", *_use(info)],
        ["## Data", "", *_data(info, started)],
        ["## Accuracy", "", *_measured(info, evaluation, started, precision)],
        ["## Recipe", "", *_recipe(run, config, started)],
        ["## Limits", "", *_limits(info)],
    )
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _accuracy(info: ModelInfo, evaluation: Evaluation | None) -> float | None:
    return evaluation.accuracy if evaluation else info.accuracy


def _front_matter(title: str, info: ModelInfo, accuracy: float | None) -> list[str]:
    """What the Hub reads: YAML, of which JSON is a part."""
    program = "timm" if info.network().is_torchvisions else "resnet_demo"
    head: dict[str, Any] = {
        "library_name": program,
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "resnet", "resnet_demo", program],
    }
    head["tags"] = list(dict.fromkeys(head["tags"]))
    if info.data in ON_THE_HUB:
        head["datasets"] = [ON_THE_HUB[info.data]]
    if accuracy is not None:
        kind = info.data if info.data in KNOWN else "image-folder"
        result = {
            "task": {"type": "image-classification"},
            "dataset": {"name": data_label(info.data), "type": kind},
            "metrics": [{"type": "accuracy", "value": round(accuracy, 4)}],
        }
        head["model-index"] = [{"name": title, "results": [result]}]
    return ["---", *(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()), "---"]


def _what_it_is(info: ModelInfo, config: TrainConfig) -> Iterator[str]:
    spec = info.network()
    yield (
        f"{spec.architecture.label} (stem `{spec.stem}`, shortcuts `{spec.shortcut}`) for images of 32 x 32 pixels, "
        f"trained with resnet_demo on the {len(info.classes)} classes of {_plain(data_label(info.data))}."
    )
    averaged = ", averaged over its steps (EMA)" if config.ema_decay else ""
    yield f"These are one run's weights after epoch {info.epoch} of {config.epochs} (step {info.step:,}){averaged}."
    if config.start_from == TORCHVISION:
        yield "They began as torchvision's ImageNet weights and were trained on from there."
    elif config.start_from == FROM_FILE:
        yield "They began as the weights of a file that was made elsewhere, and were trained on from there."
    elif config.parent_id:
        yield f"They began as the weights of the run `{_code(config.parent_id)}`."
    else:
        yield "They began random, and are nobody's pretrained weights: networks of this name elsewhere have others."


def _use(info: ModelInfo) -> list[str]:
    if info.network().is_torchvisions:
        divided = f" / {info.temperature:.4f}" if info.calibration else ""
        images = "torch.stack([image, image.flip(-1)])" if info.flip_averaging else "image[None]"
        averaged = ".mean(0, keepdim=True)   # over the image and its mirror image" if info.flip_averaging else ""
        example = [
            "import timm",
            *(["import torch"] if info.flip_averaging else []),
            "from PIL import Image",
            "",
            'model = timm.create_model("local-dir:FOLDER", pretrained=True).eval()   # on the Hub: "hf-hub:USER/NAME"',
            "transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))",
            'image = transform(Image.open("image.png").convert("RGB"))',
            f"logits = model({images}){averaged}",
            f"probabilities = (logits{divided}).softmax(1)[0]",
            'print(model.pretrained_cfg["label_names"][probabilities.argmax()])',
        ]
    else:
        example = [
            "from resnet_demo import load   # torchvision and timm have no such network",
            "",
            'print(load("FOLDER").classify("image.png").ranked[0])',
        ]
    return [
        "```python",
        *example,
        "```",
        "",
        f"- Input: {input_text(info)}.",
        f"- Output: {output_text(info)}.",
        f"- Classes, in order: {', '.join(_plain(name) for name in info.classes)}.",
    ]


def _data(info: ModelInfo, started: RunStarted | None) -> Iterator[str]:
    of = "" if info.data in KNOWN else ", a folder of images"
    yield f"{_plain(data_label(info.data))}{of}."
    if started:
        yield (
            f"{started.train_images:,} images were trained on, {started.validation_images:,} held out (the temperature "
            f"is fitted on them) and {started.test_images:,} tested on."
        )
        yield from map(_plain, flattering(started.warnings))
    yield "No image is part of this folder; the images' licence and whom they show are a matter of their source."


def _measured(
    info: ModelInfo, evaluation: Evaluation | None, started: RunStarted | None, precision: str
) -> Iterator[str]:
    accuracy = _accuracy(info, evaluation)
    if accuracy is None:
        yield "Not measured yet."
        return
    total = evaluation.images if evaluation else started.test_images if started else 0
    interval = "not known: the run's log does not say how many images it was tested on"
    if total:
        low, high = wilson_interval(round(accuracy * total), total)
        interval = f"{percent(low)} to {percent(high)}"
    yield "| test images | accuracy | 95 % confidence interval (Wilson) |"
    yield "|---|---|---|"
    yield f"| {f'{total:,}' if total else '–'} | {percent(accuracy)} | {interval} |"
    yield ""
    if evaluation is None:
        alone = ", by each image alone" if info.flip_averaging else ""
        yield f"As training measured it after epoch {info.epoch}, on its test images{alone}."
    else:
        yield from _evaluated(evaluation)
    if precision != "float32":
        yield f"Measured before the weights were rounded to {precision}."


def _evaluated(evaluation: Evaluation) -> Iterator[str]:
    after = expected_calibration_error(evaluation.confidences, evaluation.correct)
    before = evaluation.uncalibrated_error
    without = f", {percent(before)} without the temperature" if before is not None else ""
    yield f"Measured on {_plain(data_label(evaluation.data))}. Expected calibration error: {percent(after)}{without}."
    if evaluation.plain_accuracy is not None:
        plain = percent(evaluation.plain_accuracy)
        by_one = f"by the image alone {plain} are classified correctly"
        yield f"Each answer is the mean over an image and its mirror image; {by_one}."
    yield from map(_plain, flattering(evaluation.warnings))
    yield ""
    yield "| class | test images | precision | recall |"
    yield "|---|---|---|---|"
    for name, found in zip(evaluation.classes, class_metrics(evaluation.confusion), strict=True):
        yield f"| {_plain(name)} | {found.images:,} | {percent(found.precision)} | {percent(found.recall)} |"
    yield ""


def _recipe(run: RunDirectory, config: TrainConfig, started: RunStarted | None) -> Iterator[str]:
    environment = run.environment()
    where = [started.device if started else "", environment.get("precision"), _versioned(environment, "torch")]
    where.append(_versioned(environment, "resnet_demo"))
    yield (
        f"Preset `{config.preset}`: {plural(config.epochs, 'epoch')}, batch {config.batch_size}, {config.optimizer} at "
        f"a learning rate of {config.learning_rate:g}, seed {config.seed}. Ran on: "
        f"{', '.join(_plain(str(part)) for part in where if part)}."
    )
    yield ""
    yield "<details><summary>All settings</summary>"
    yield ""
    yield "| setting | value |"
    yield "|---|---|"
    values = {**config.to_dict(), "data": data_label(config.data)}
    yield from (f"| {label_of(name)} | {_plain(written(value))} |" for name, value in values.items())
    yield ""
    yield "</details>"


def _limits(info: ModelInfo) -> list[str]:
    trust = "" if info.calibration else "; here it is not even calibrated"
    return [
        f"- Every image is answered with one of {len(info.classes)} classes, also one that shows none of them. A high "
        f"probability is no proof{trust}.",
        f"- It sees little: {image_text(info)}.",
        "- The accuracy is of test images from the same source as the training images. It says nothing about images "
        "from elsewhere, nor about other classes.",
        f"- Its probabilities are {calibration_text(info)}.",
        "- It was made to show how such a network learns. Decide nothing about people with it.",
    ]


def _versioned(environment: dict, name: str) -> str:
    return f"{name} {environment[name]}" if environment.get(name) else ""


def _plain(text: str) -> str:
    """A name from elsewhere as one line of text: it cannot be markup, nor leave its cell."""
    return _MARKUP.sub(r"\\\1", printable(text))


def _code(text: str) -> str:
    """The same within backticks."""
    return printable(text).replace("`", "'")

"""examples.json: what a run that comes with the project made of each example image after each epoch. Imports no torch.

{"classes": [...], "epochs": [{"epoch": 1, "test_accuracy": 0.41, "predictions": {"airplane": ["bird", 0.43], ...}}]}
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from resnet_demo.data.examples import DRAWN
from resnet_demo.files import is_number, read_json, replace_json
from resnet_demo.runs.directory import RunDirectory, RunError

FILE_NAME = "examples.json"


@dataclass(frozen=True)
class EpochPredictions:
    """`predictions` maps what an example image shows to the likeliest class and its probability, 0..1."""

    epoch: int
    test_accuracy: float
    predictions: dict[str, tuple[str, float]]

    @property
    def right(self) -> int:
        """Of how many images the answer is what they show."""
        return sum(name == shown for shown, (name, _) in self.predictions.items())


def read_example_predictions(run: RunDirectory) -> tuple[EpochPredictions, ...] | None:
    """In the order of the epochs; None where the run has none. Raises RunError where the file is damaged, or names an
    image that is not among DRAWN."""
    path = run.path / FILE_NAME
    if not path.exists():
        return None
    stored = read_json(path) or {}
    epochs, images = stored.get("epochs"), {image.stem for image in DRAWN.glob("*.png")}
    if not isinstance(epochs, list) or not epochs or not all(_is_epoch(epoch, images) for epoch in epochs):
        raise RunError(
            f"'{FILE_NAME}' of the run '{run.id}' is damaged, or speaks of images that are not here. "
            "benchmarks/example_predictions makes it again."
        )
    read = (EpochPredictions(e["epoch"], float(e["test_accuracy"]), _predictions(e["predictions"])) for e in epochs)
    return tuple(sorted(read, key=lambda epoch: epoch.epoch))


def write_example_predictions(run: RunDirectory, classes: Sequence[str], epochs: Sequence[EpochPredictions]) -> None:
    """Raises OSError."""
    replace_json(run.path / FILE_NAME, {"classes": list(classes), "epochs": [asdict(epoch) for epoch in epochs]})


def _predictions(stored: dict) -> dict[str, tuple[str, float]]:
    return {shown: (name, float(probability)) for shown, (name, probability) in stored.items()}


def _is_epoch(value: Any, images: set[str]) -> bool:
    return (
        isinstance(value, dict)
        and type(value.get("epoch")) is int
        and is_number(value.get("test_accuracy"))
        and isinstance(value.get("predictions"), dict)
        and set(value["predictions"]) <= images
        and all(map(_is_prediction, value["predictions"].values()))
    )


def _is_prediction(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and is_number(value[1])

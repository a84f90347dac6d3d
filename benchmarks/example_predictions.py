"""What a run made of the project's example images after each epoch -> examples.json in the run's folder.

    python -m benchmarks.example_predictions RUN_DIR WEIGHTS_DIR [--images resnet_demo/examples]

WEIGHTS_DIR holds the run's checkpoints as they were after each epoch: 0001.safetensors, 0002.safetensors, ... The page
plays the file while nobody has a run of one's own.
"""

import argparse
from pathlib import Path

from PIL import Image

from resnet_demo.data.examples import DRAWN
from resnet_demo.inference.predictor import Classifier
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.example_predictions import FILE_NAME, EpochPredictions, write_example_predictions

DIGITS = 4  # of a probability


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("weights", type=Path, metavar="WEIGHTS_DIR")
    parser.add_argument("--images", type=Path, default=DRAWN, metavar="DIR")
    options = parser.parse_args()
    run = RunDirectory.at(options.run)
    epochs = predict_examples(run, options.weights, options.images)
    last = epochs[-1]
    print(f"{run.path / FILE_NAME}: {len(epochs)} epochs; in the end {last.right} of {len(last.predictions)} are right")


def predict_examples(run: RunDirectory, weights: Path, images: Path = DRAWN) -> list[EpochPredictions]:
    """Ask each epoch's checkpoint about the example image of each class, and write the answers into the run.

    Raises SystemExit where weights, the log's accuracy of an epoch or an image are missing, and CheckpointError."""
    files = sorted(weights.glob("[0-9]*.safetensors"))
    if not files:
        raise SystemExit(f"There are no weights in '{weights}'. Keep a copy of the run's checkpoint after each epoch.")
    accuracies = {ended.epoch: ended.test_accuracy for ended in run.view().epochs}
    epochs, classes = [], ()
    for path in files:
        epoch, classifier = int(path.stem), Classifier.from_file(path)
        if epoch not in accuracies:
            raise SystemExit(f"The log of '{run.id}' has no epoch {epoch}, of which '{path}' is said to be.")
        classes = classifier.info.classes
        answers = classifier.classify_batch([_image(images / f"{name}.png") for name in classes])
        predictions = {
            shown: (answer.ranked[0][0], round(answer.ranked[0][1], DIGITS))
            for shown, answer in zip(classes, answers, strict=True)
        }
        epochs.append(EpochPredictions(epoch, round(accuracies[epoch], DIGITS), predictions))
    write_example_predictions(run, classes, epochs)
    return epochs


def _image(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except OSError as error:
        raise SystemExit(f"The example image '{path}' cannot be read. Name a folder with one PNG a class.") from error


if __name__ == "__main__":
    main()

"""A page that trains a ResNet-50 on CIFAR-10, opens the network, and classifies images.

The packages, imports pointing down: `cli` and `ui` (what is seen; `ui` alone knows gradio) -> `hub` and `export` (where
it goes, and as what) -> `inference` (what a network knows) and `workers` (the processes that train) -> `training` (how
it learns) -> `runs` (what is on disk, without torch) -> `data` (what it learns from) -> `models` (what is learned).
`files`, `text` and `errors` stand below them all. A run is a folder of files, `runs/directory.py`: whoever trains
writes it, whoever looks reads it.

Programs start at `load`. Importing this package costs nothing: torch is imported when `load` is called.
"""

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resnet_demo.inference.predictor import Classifier

__version__ = "0.2.0"


def load(path: str | PathLike[str], run_id: str | None = None) -> "Classifier":
    """A trained network that answers as the Classify tab does: `load("checkpoints").classify("cat.jpg").ranked[0]`.

    `path` is a folder of runs, a run's folder or a checkpoint file. Of a folder of runs the run `run_id` answers, else
    the newest one, else one that comes with the project: `repr()` says which. It is read once; call `load` again for
    what a run has saved since. Everything runs on the CPU, and nothing is unpickled.

    What is returned has

    - `classify(image)`: in its `.ranked` every class with its probability, 0..1, the likeliest first
    - `probabilities(images)`, `logits(images)`: uint8 (N, 3, 32, 32) -> (N, classes), ordered as `info.classes`
    - `model`: the `torch.nn.Module` in eval mode, its norms folded into its convolutions
    - `info`: classes, mean and deviation, test accuracy, epoch, temperature

    Raises CheckpointError or RunError, both `resnet_demo.errors.UserError`, where there is no usable checkpoint.
    """
    from resnet_demo.inference.loading import load_classifier

    return load_classifier(path, run_id)

"""A finished run as the project ships one, with its answers about the example images."""

from pathlib import Path

from PIL import Image

from resnet_demo.data.known import CIFAR10
from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.example_predictions import EpochPredictions, write_example_predictions
from resnet_demo.runs.pinned import PinnedFile, pin
from resnet_demo.runs.store import RunStore

EPOCHS, STEPS = 4, 1000  # of an epoch
WRONG_UNTIL = {"cat": 2, "dog": 3}  # the epoch after which they are taken for what they are; all others from the first


def make_recording(folder: Path, name: str, classes=CIFAR10.classes, examples: bool = True) -> RunDirectory:
    """Accuracy climbs from 0.25 to 1, and so does the probability of the pinned image's class, the first."""
    run = RunStore(folder).create(preset_config("fast", arch="resnet20", epochs=EPOCHS), name=name)
    pin(run, Image.new("RGB", (32, 32), "teal"))
    pinned = PinnedFile(run).read().id
    run.append(
        events.RunStarted(
            **_place(0), epochs=EPOCHS, steps_per_epoch=STEPS, train_images=128_000, validation_images=0,
            test_images=100, classes=classes, device="CPU, 3 threads",
        )
    )  # fmt: skip
    for step in range(10, EPOCHS * STEPS + 1, 10):
        done = step / (EPOCHS * STEPS)
        run.append(
            events.MetricsLogged(
                **_place(step), train_loss=2.3 - done, train_accuracy=done, learning_rate=0.1, images_per_s=100.0
            )
        )
        others = (1 - done) / (len(classes) - 1)
        shares = (done, *(others for _ in classes[1:]))
        run.append(events.PredictionLogged(**_place(step), image=pinned, probabilities=shares))
        if step % STEPS == 0:
            run.append(events.EpochEnded(**_place(step), test_loss=2.3 - done, test_accuracy=done))
    run.append(events.RunEnded(**_place(EPOCHS * STEPS), outcome="finished"))
    if examples:
        write_example_predictions(run, classes, [_predictions(epoch, classes) for epoch in range(1, EPOCHS + 1)])
    return run


def _place(step: int) -> dict:
    epoch = min(EPOCHS, max(1, -(-step // STEPS)))
    return {"time": 1.8e9 + step, "epoch": epoch, "step": step, "images_seen": 128 * step, "elapsed_s": float(step)}


def _predictions(epoch: int, classes) -> EpochPredictions:
    answers = {name: (name if epoch > WRONG_UNTIL.get(name, 0) else "ship", 0.25 * epoch) for name in classes}
    return EpochPredictions(epoch, epoch / EPOCHS, answers)

"""A run as its log tells of it, and the snapshots that a page is made from."""

from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.fold import fold
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.watcher import RunsSnapshot
from resnet_demo.runs.worker_files import Progress

CONFIG = preset_config("fast", epochs=8)
PLACE = {"time": 1.0, "epoch": 1, "step": 10, "images_seen": 160, "elapsed_s": 65.0}
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def started(classes=CIFAR10):
    return events.RunStarted(
        **PLACE | {"step": 0},
        epochs=2,
        steps_per_epoch=20,
        train_images=320,
        validation_images=32,
        test_images=100,
        classes=classes,
        device="CPU",
    )


ENDED = {
    outcome: events.RunEnded(**PLACE, outcome=outcome, message="A <b>reason</b>.")
    for outcome in ("finished", "stopped", "failed")
}
METRIC = events.MetricsLogged(**PLACE, train_loss=1.23456, train_accuracy=0.5, learning_rate=0.1, images_per_s=172.6)
EPOCH = events.EpochEnded(**PLACE | {"step": 20}, test_loss=1.0, test_accuracy=0.8731)


def snapshot(run, log, alive=False, progress=None, wanted="run", **more):
    """A living worker of a run that has begun has told its progress."""
    progress = progress or (Progress("training") if alive and log else None)
    return Snapshot(run, run.config(), fold(log, run.config().log_every_steps), alive, progress, wanted, **more)


def runs_snapshot(current):
    return RunsSnapshot(current, (current,))


def changed(before, after):
    """Which parts of a page that shows the run in front have something new to show."""
    old, new = (runs.version_of(runs.current)._asdict() for runs in (before, after))
    return {part for part in new if new[part] != old[part]}

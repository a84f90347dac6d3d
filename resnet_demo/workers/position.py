"""Where a run is: the fields that every event has. Imports no torch."""

import time

from resnet_demo.runs import events


def beginning() -> dict:
    return {"time": time.time(), "epoch": 1, "step": 0, "images_seen": 0, "elapsed_s": 0.0}


def position_of(event: events.Event) -> dict:
    """The fields that every event has, now, where this one was."""
    return {
        "time": time.time(),
        "epoch": event.epoch,
        "step": event.step,
        "images_seen": event.images_seen,
        "elapsed_s": event.elapsed_s,
    }

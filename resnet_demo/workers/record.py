"""What a worker writes into its run as it goes: the log's events, and where it is right now."""

import os
import sys
import time
from dataclasses import replace
from typing import Any

from resnet_demo.errors import disk_advice
from resnet_demo.runs import events
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.keep import Keep
from resnet_demo.runs.worker_files import Progress
from resnet_demo.workers.machine_load import MachineLoad

STOPPED = "Stopped and saved on request."
STOPPED_UNSAVED = "Stopped on request before anything was saved."
DISCARDED = "Ended without saving and deleted on request."
PROGRESS_EVERY_S = 1.0
KEPT_AT = (events.CheckpointSaved, events.RunPaused, events.RunEnded)


class RunRecord:
    """Of one run, written by the worker that holds its lock."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self.device: Any = None  # of torch, whose load is measured once there is one
        self._machine_load = MachineLoad()
        self._last_progress = 0.0

    def store(self, event: events.Event) -> events.Event:
        self.run.append(event)
        if isinstance(event, KEPT_AT):
            self._copy_to_keep()
        return event

    def note(self, progress: Progress, always: bool = False) -> Progress:
        """Write progress.json, at most once a second."""
        now = time.monotonic()
        if always or now - self._last_progress >= PROGRESS_EVERY_S:
            self._last_progress = now
            load = self._machine_load.read(self.device)
            self.run.write_progress(replace(progress, time=time.time(), process_id=os.getpid(), **load))
        return progress

    def _copy_to_keep(self) -> None:
        """Where RESNET_DEMO_KEEP says so. A folder that refuses ends no training: the run itself is saved."""
        if (keep := Keep.of(self.run)) is None:
            return
        try:
            keep.save(self.run)
        except OSError as error:
            print(
                f"This save could not be copied to '{keep.folder}' ({error.strerror}). {disk_advice(error)}; the next "
                "save tries again.",
                file=sys.stderr,
            )

"""A trainer drained into its run: what it says is stored, what is due is saved, and what is wanted is obeyed. Imports
torch: a worker imports this module once it holds the locks."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from resnet_demo.data.dataset import STARTING, Dataset
from resnet_demo.runs import events
from resnet_demo.runs.worker_files import DISCARD, PAUSE, RUN, Progress
from resnet_demo.training.distributed import Processes
from resnet_demo.training.trainer import Trainer
from resnet_demo.workers.meter import Meter
from resnet_demo.workers.pinned import PinnedImagePredictor
from resnet_demo.workers.position import position_of
from resnet_demo.workers.record import STOPPED, RunRecord
from resnet_demo.workers.saver import RunSaver


class Session:
    """From a trainer's first step here to its last: a run that is resumed has several."""

    def __init__(
        self, trainer: Trainer, dataset: Dataset, processes: Processes, record: RunRecord, wanted: Callable[[], str]
    ) -> None:
        """`wanted` says what is wanted of the run: to go on, to pause, to stop, or to be discarded."""
        self._trainer, self._dataset, self._processes = trainer, dataset, processes
        self._record, self._wanted, self.run = record, wanted, record.run
        self._saver = RunSaver(self.run, trainer, dataset, record.store, self._note_saving)
        self._meter = Meter()
        self._asker = PinnedImagePredictor(self.run)
        self._reached = Progress(STARTING)  # what the last step has left to say

    def position(self) -> dict[str, Any]:
        return self._trainer.position()

    def train(self) -> Iterator[events.Event]:
        """The trainer's events, each after it has been stored; the last one says how this session ended."""
        self._meter.start(self._trainer)
        self._saver.start_clock()
        for event in self._trainer.run():
            self._meter.see(event)
            if isinstance(event, events.RunEnded):
                yield self._finish(event)
                return
            if isinstance(event, events.StepEnded):
                self._reached = self._record.note(self._progress(event))
                yield event
            else:
                yield self._record.store(event)
            wanted = self._processes.agree_on_request(self._wanted())
            if wanted == DISCARD:
                return
            if saved := self._saver.save_where_due(event, wanted):
                yield saved
            if wanted != RUN:
                yield self._leave(event, wanted)
                return
            if seen := self._asker.ask(self._trainer, self._dataset.light_on_dark, event):
                yield self._record.store(seen)
            self._meter.go_on()

    def _leave(self, at: events.Event, wanted: str) -> events.Event:
        """The last event where the run was told to pause or stop and has been saved. Stopped, its resume state stays: a
        person may think again."""
        if wanted == PAUSE:
            return self._record.store(events.RunPaused(**position_of(at)))
        return self._record.store(events.RunEnded(**position_of(at), outcome="stopped", message=STOPPED))

    def _finish(self, ended: events.RunEnded) -> events.Event:
        """The trainer is through, and the resume state has no use any more.

        That a run is finished is what its files say, the log's line comes last: a kill in between leaves no state for
        ever, and a line that is lost changes nothing (`RunDirectory.view`)."""
        if ended.outcome == "finished":
            self._saver.drop_epochs()
            self.run.state_path.unlink(missing_ok=True)
        return self._record.store(ended)

    def _note_saving(self, at: events.Event) -> None:
        """Show that the run is being saved at this event; on a slow disk that takes a while."""
        reached = replace(self._reached, epoch=at.epoch, step=at.step, elapsed_s=at.elapsed_s)
        self._record.note(replace(reached, phase="saving", done=0, total=0), always=True)

    def _progress(self, event: events.StepEnded) -> Progress:
        return Progress(
            phase=event.phase,
            done=event.done,
            total=event.total,
            epoch=event.epoch,
            step=event.step,
            images_per_s=self._meter.images_per_s,
            elapsed_s=event.elapsed_s,
            remaining_s=self._meter.remaining_s(event),
            epoch_remaining_s=self._meter.epoch_remaining_s(event),
        )

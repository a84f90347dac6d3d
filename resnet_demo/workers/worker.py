"""Drains a Trainer into a run directory and obeys its control file. Whoever starts it (the page's launcher, the
command line) gets the same files."""

import os
import sys
import time
import traceback
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resnet_demo.data.dataset import STARTING, LoadProgress
from resnet_demo.errors import disk_advice
from resnet_demo.files import remove_unfinished
from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import DISCARD, PAUSE, RUN, STOP, WRITTEN_BY_THE_PAGE, Progress, RunDirectory
from resnet_demo.runs.keep import Keep
from resnet_demo.runs.store import SHIPPED, RunStore
from resnet_demo.training.distributed import SINGLE_PROCESS, ProcessLost, join
from resnet_demo.workers.failures import disk_sentence, failure_sentence
from resnet_demo.workers.machine_load import MachineLoad
from resnet_demo.workers.meter import Meter
from resnet_demo.workers.pinned import PinnedImagePredictor
from resnet_demo.workers.position import beginning, position_of
from resnet_demo.workers.signals import PauseSignals

if TYPE_CHECKING:  # brings torch
    from resnet_demo.data.dataset import Dataset

STOPPED = "Stopped and saved on request."
STOPPED_UNSAVED = "Stopped on request before anything was saved."
DISCARDED = "Ended without saving and deleted on request."
LOOK_EVERY_S = 0.1  # at the control file
PROGRESS_EVERY_S = 1.0
KEPT_AT = (events.CheckpointSaved, events.RunPaused, events.RunEnded)


class Worker:
    """Trains one run to its end, or until it is told otherwise.

    `work()` yields each event after it has been stored, and Progress while the data load. Torch is imported once
    the locks are held, so that a second start is refused at once and the page sees a living worker early.
    """

    def __init__(
        self,
        run: RunDirectory,
        data_dir: Path,
        reopen: bool = False,
        moved_to: str = "",
        dataset: "Dataset | None" = None,
    ) -> None:
        """`reopen` lets a run that was stopped go on where its resume state is kept; `moved_to` is the source in which
        its images lie by now, kept in the run once they have proved to be the same. A `dataset` that is given is not
        loaded again."""
        self.run, self.data_dir, self.reopen, self.moved_to = run, data_dir, reopen, moved_to
        self.signals = PauseSignals()
        self._processes = SINGLE_PROCESS
        self._trainer: Any = None  # of torch, which comes with `_load`
        self._dataset: Any = None
        self._saver: Any = None  # likewise
        self._meter, self._machine_load = Meter(), MachineLoad()
        self._asker = PinnedImagePredictor(run)
        self._reached = Progress(STARTING)  # what the last step has left to say
        self._last_progress = 0.0
        self._last_look = float("-inf")
        self._control = RUN  # what the control file wanted when it was last looked at

    def pause(self) -> None:
        """Save and end at the next step, as for a signal: whoever drains `work()` goes on until it ends."""
        self.signals.came = True

    def work(self) -> Iterator[events.Event | Progress]:
        """Raises RunError where another trains in this folder or the run cannot be read, and ProcessLost where one
        of several processes has died. What else fails becomes the run's last event. A run to discard is deleted,
        however it ended."""
        run, store = self.run, RunStore(self.run.path.parent)
        with store.training(run):
            self._processes = join()
            view = run.view()
            if view.is_over and not (self.reopen and run.can_resume(view)):
                self._processes.broadcast_object(STOP)
            else:
                yield from self._work()
            if run.wanted() == DISCARD:
                ended = events.RunEnded(**self._position(), outcome="discarded", message=DISCARDED)
                store.delete(run)
                yield ended

    def _work(self) -> Iterator[events.Event | Progress]:
        remove_unfinished(self.run.path, but=WRITTEN_BY_THE_PAGE)
        config = self.run.config()
        if self.moved_to:
            config = replace(config, data=self.moved_to)
        try:
            yield from self._load_and_train(config)
        except ProcessLost:  # no ending: the run is interrupted, and can be resumed
            raise
        except OSError as error:
            yield self._fail(disk_sentence(self.run, error))
        except Exception as error:  # noqa: BLE001 - the last word of a process: said in the run, traced in the log
            if not (sentence := failure_sentence(error)):
                traceback.print_exc(file=sys.stderr)
                sentence = f"Training stopped by an unexpected error ({type(error).__name__}: {error})."
            yield self._fail(sentence, getattr(error, "comes_again", False))

    # --- loading ----------------------------------------------------------------------------------------------

    def _load_and_train(self, config: TrainConfig) -> Iterator[events.Event | Progress]:
        loading = self._load(config)
        for loaded in loading:
            progress = Progress(loaded.phase, loaded.done, loaded.total)
            yield self._note(progress, always=loaded.phase == STARTING)
            if (wanted := self._processes.broadcast_object(self._wanted())) != RUN:
                loading.close()
                yield from self._leave_unloaded(wanted)
                return
        yield from self._train()

    def _load(self, config: TrainConfig) -> Generator[LoadProgress, None, None]:
        """Data, device, network, and the state to go on from."""
        yield LoadProgress(STARTING, 0, 0)

        from resnet_demo.data.sources import load_dataset
        from resnet_demo.training.device import prepare
        from resnet_demo.training.distributed import TrainingInputs
        from resnet_demo.training.first_weights import load_first_weights
        from resnet_demo.training.trainer import Trainer
        from resnet_demo.workers.environment import as_before, record_environment
        from resnet_demo.workers.saver import RunSaver

        state, weights = self._load_state(), None
        machine = as_before(self.run, config, state, self._processes.size)
        choice = prepare(machine, self._processes.size)
        record_environment(self.run, self.run.config(), choice.facts(self._processes.size))
        if self._dataset is None:
            self._dataset = yield from load_dataset(config.data, self.data_dir, config.split)
        yield LoadProgress(STARTING, 0, 0)
        trainer = Trainer(config, self._dataset, choice, self._processes)
        if state is not None:
            trainer.load_state_dict(state)
        elif config.start_from:
            store = RunStore(self.run.path.parent, SHIPPED)
            yield from load_first_weights(trainer, store, self.data_dir, self.run.first_weights_path)
        if self.moved_to:
            self.run.write_config(config, **self.run.environment())
        if state is None:  # also random ones: another machine may round otherwise
            weights = {name: tensor.cpu() for name, tensor in trainer.model.state_dict().items()}
        self._processes.broadcast_object(TrainingInputs(config, machine, self._dataset, state, weights))
        self._saver = RunSaver(self.run, trainer, self._dataset, self._store, self._note_saving)
        self._trainer = trainer

    def _load_state(self) -> dict[str, Any] | None:
        """What was saved to go on from; None at a run's beginning. Raises CheckpointError where it is damaged or
        gone."""
        from resnet_demo.models.checkpoint_info import CheckpointError
        from resnet_demo.training.resume_state import load_state

        if self.run.state_path.exists():
            return load_state(self.run.state_path)
        if self.run.view().saved or self.run.model_path.exists():
            raise CheckpointError(
                "The state to go on from (resume.pt) is gone, and beginning anew would overwrite the weights that were "
                "saved. They are kept; start a new run."
            )
        return None

    def _leave_unloaded(self, wanted: str) -> Iterator[events.Event]:
        """Pause or stop before there is a trainer, at what an earlier worker has saved: that stays as it is."""
        saved = self.run.view().saved
        place = position_of(saved) if saved else beginning()
        if wanted == PAUSE:
            yield self._store(events.RunPaused(**place))
        elif wanted == STOP:
            message = STOPPED if saved else STOPPED_UNSAVED
            yield self._finish(events.RunEnded(**place, outcome="stopped", message=message))

    # --- training ---------------------------------------------------------------------------------------------

    def _train(self) -> Iterator[events.Event]:
        trainer = self._trainer
        self._meter.start(trainer)
        self._saver.start_clock()
        for event in trainer.run():
            self._meter.see(event)
            if isinstance(event, events.RunEnded):
                yield self._finish(event)
                return
            if isinstance(event, events.StepEnded):
                self._reached = self._note(self._progress(event))
                yield event
            else:
                yield self._store(event)
            wanted = self._processes.agree_on_request(self._wanted())
            if wanted == DISCARD:
                return
            if saved := self._saver.save_where_due(event, wanted):
                yield saved
            if wanted != RUN:
                yield self._leave(event, wanted)
                return
            if seen := self._asker.ask(trainer, self._dataset.light_on_dark, event):
                yield self._store(seen)
            self._meter.go_on()

    def _leave(self, at: events.Event, wanted: str) -> events.Event:
        """The last event of a worker that was told to pause or stop and has saved."""
        if wanted == PAUSE:
            return self._store(events.RunPaused(**position_of(at)))
        return self._finish(events.RunEnded(**position_of(at), outcome="stopped", message=STOPPED))

    def _finish(self, ended: events.RunEnded) -> events.Event:
        """The run is over. Finished, its resume state has no use any more; stopped, a person may think again.

        That a run is finished is what its files say, the log's line comes last: a kill in between leaves no state for
        ever, and a line that is lost changes nothing (`RunDirectory.view`)."""
        if ended.outcome == "finished":
            self._saver.drop_epochs()
            self.run.state_path.unlink(missing_ok=True)
        return self._store(ended)

    def _fail(self, message: str, comes_again: bool = False) -> events.Event:
        """The log's last event for now; resume.pt stays, so that what had been saved is not lost."""
        ended = events.RunEnded(**self._position(), outcome="failed", message=message, comes_again=comes_again)
        try:
            with suppress(PermissionError):  # where nothing may be deleted the log may still be written
                self.run.forget_the_moment()
            self._store(ended)
        except OSError as error:  # whoever drains this worker still says it, so that it stands in worker.log
            if self.run.path.exists():
                print(f"The run's log cannot be written, either ({error.strerror}).", file=sys.stderr)
        return ended

    # --- small parts ------------------------------------------------------------------------------------------

    def _wanted(self) -> str:
        """By the control file, looked at a few times a second: a GPU makes a thousand steps in one."""
        now = time.monotonic()
        if now - self._last_look >= LOOK_EVERY_S:
            self._last_look, self._control = now, self.run.wanted()
        return PAUSE if self.signals.came and self._control == RUN else self._control

    def _position(self) -> dict:
        """Where the run is: by its trainer, before there is one by its log, and else at the beginning."""
        if self._trainer:
            return self._trainer.position()
        last = self.run.view().last
        return position_of(last) if last else beginning()

    def _store(self, event: events.Event) -> events.Event:
        self.run.append(event)
        if isinstance(event, KEPT_AT):
            self._copy_to_keep()
        return event

    def _copy_to_keep(self) -> None:
        """Where RESNET_DEMO_KEEP says so. A folder that refuses ends no training: the run itself is saved."""
        if (keep := Keep.of_environment()) is None:
            return
        try:
            keep.save(self.run)
        except OSError as error:
            print(
                f"This save could not be copied to '{keep.folder}' ({error.strerror}). {disk_advice(error)}; the next "
                "save tries again.",
                file=sys.stderr,
            )

    def _note(self, progress: Progress, always: bool = False) -> Progress:
        """Write progress.json, at most once a second."""
        now = time.monotonic()
        if always or now - self._last_progress >= PROGRESS_EVERY_S:
            self._last_progress = now
            device = self._trainer.choice.device if self._trainer else None
            load = self._machine_load.read(device)
            self.run.write_progress(replace(progress, time=time.time(), process_id=os.getpid(), **load))
        return progress

    def _note_saving(self, at: events.Event) -> None:
        """Show that the run is being saved at this event; on a slow disk that takes a while."""
        reached = replace(self._reached, epoch=at.epoch, step=at.step, elapsed_s=at.elapsed_s)
        self._note(replace(reached, phase="saving", done=0, total=0), always=True)

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

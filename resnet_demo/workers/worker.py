"""Trains a run under its lock: loads what it takes, lets a session train, and makes of every failure a sentence.
Whoever starts it (the page's launcher, the command line) gets the same files."""

import sys
import time
import traceback
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from resnet_demo.data.dataset import STARTING, LoadProgress
from resnet_demo.files import remove_unfinished
from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.deletion import delete_run
from resnet_demo.runs.directory import SHIPPED, WRITTEN_BY_THE_PAGE, RunDirectory
from resnet_demo.runs.store import RunStore
from resnet_demo.runs.worker_files import DISCARD, PAUSE, RUN, STOP, Progress
from resnet_demo.training.distributed import SINGLE_PROCESS, ProcessLost, init_distributed
from resnet_demo.workers.failures import disk_sentence, failure_sentence
from resnet_demo.workers.position import beginning, position_of
from resnet_demo.workers.record import DISCARDED, STOPPED, STOPPED_UNSAVED, RunRecord
from resnet_demo.workers.signals import PauseSignals

if TYPE_CHECKING:  # bring torch
    from resnet_demo.data.dataset import Dataset
    from resnet_demo.workers.session import Session

LOOK_EVERY_S = 0.1  # at the control file


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
        changes: Mapping[str, Any] = MappingProxyType({}),
        dataset: "Dataset | None" = None,
    ) -> None:
        """`reopen` lets a run that was stopped go on where its resume state is kept; `changes` are the settings by
        which it goes on from now: `data`, the source in which its images lie by now, and `device`. They are kept in the
        run once the device has proved to be there, and the images to be the same. A `dataset` that is given is not
        loaded again."""
        self.run, self.data_dir, self.reopen, self.changes = run, data_dir, reopen, changes
        self.signals = PauseSignals()
        self._processes = SINGLE_PROCESS
        self._dataset = dataset
        self._record = RunRecord(run)
        self._session: Session | None = None
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
            self._processes = init_distributed()
            view = run.view()
            if view.is_over and not (self.reopen and run.can_resume(view)):
                self._processes.broadcast_object(STOP)
            else:
                with suppress(OSError):  # then the worker's first word fails, too, and is said in the run
                    store.put_last(run)
                yield from self._work()
            if run.wanted() == DISCARD:
                ended = events.RunEnded(**self._position(), outcome="discarded", message=DISCARDED)
                delete_run(store, run)
                yield ended

    def _work(self) -> Iterator[events.Event | Progress]:
        remove_unfinished(self.run.path, but=WRITTEN_BY_THE_PAGE)
        config = self.run.config()
        try:
            yield from self._load_and_train(replace(config, **self.changes))
        except ProcessLost:  # no ending: the run is interrupted, and can be resumed
            raise
        except OSError as error:
            yield self._fail(disk_sentence(self.run, error))
        except Exception as error:  # noqa: BLE001 - the last word of a process: said in the run, traced in the log
            if not (sentence := failure_sentence(error, is_loading=self._session is None)):
                traceback.print_exc(file=sys.stderr)
                sentence = f"Training stopped by an unexpected error ({type(error).__name__}: {error})."
            yield self._fail(sentence, getattr(error, "comes_again", False))

    # --- loading ----------------------------------------------------------------------------------------------

    def _load_and_train(self, config: TrainConfig) -> Iterator[events.Event | Progress]:
        loading = self._load(config)
        for loaded in loading:
            progress = Progress(loaded.phase, loaded.done, loaded.total)
            yield self._record.note(progress, always=loaded.phase == STARTING)
            if (wanted := self._processes.broadcast_object(self._wanted())) != RUN:
                loading.close()
                yield from self._leave_unloaded(wanted)
                return
        if self._session:
            yield from self._session.train()

    def _load(self, config: TrainConfig) -> Generator[LoadProgress, None, None]:
        """Data, device, network, and the state to go on from."""
        yield LoadProgress(STARTING, 0, 0)

        from resnet_demo.data.sources import load_dataset
        from resnet_demo.training.device import AbsentDevice, DeviceError, prepare
        from resnet_demo.training.distributed import TrainingInputs
        from resnet_demo.training.first_weights import load_first_weights
        from resnet_demo.training.trainer import Trainer
        from resnet_demo.workers.environment import as_before, record_environment
        from resnet_demo.workers.session import Session

        state, weights = self._load_state(), None
        try:
            machine = as_before(self.run, config, state, self._processes.size)
            choice = prepare(machine, self._processes.size)
        except AbsentDevice as error:
            raise DeviceError(f"{error} To go on with this run: resume RUN --device auto.") from error
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
        if self.changes:
            self.run.write_config(config, **self.run.environment())
        if state is None:  # also random ones: another machine may round otherwise
            weights = {name: tensor.cpu() for name, tensor in trainer.model.state_dict().items()}
        self._processes.broadcast_object(TrainingInputs(config, machine, self._dataset, state, weights))
        self._record.device = choice.device
        self._session = Session(trainer, self._dataset, self._processes, self._record, self._wanted)

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
            yield self._record.store(events.RunPaused(**place))
        elif wanted == STOP:
            message = STOPPED if saved else STOPPED_UNSAVED
            yield self._record.store(events.RunEnded(**place, outcome="stopped", message=message))

    # --- small parts ------------------------------------------------------------------------------------------

    def _fail(self, message: str, comes_again: bool = False) -> events.Event:
        """The log's last event for now; resume.pt stays, so that what had been saved is not lost."""
        ended = events.RunEnded(**self._position(), outcome="failed", message=message, comes_again=comes_again)
        try:
            with suppress(PermissionError):  # where nothing may be deleted the log may still be written
                self.run.forget_the_moment()
            self._record.store(ended)
        except OSError as error:  # whoever drains this worker still says it, so that it stands in worker.log
            if self.run.path.exists():
                print(f"The run's log cannot be written, either ({error.strerror}).", file=sys.stderr)
        return ended

    def _wanted(self) -> str:
        """By the control file, looked at a few times a second: a GPU makes a thousand steps in one."""
        now = time.monotonic()
        if now - self._last_look >= LOOK_EVERY_S:
            self._last_look, self._control = now, self.run.wanted()
        return PAUSE if self.signals.came and self._control == RUN else self._control

    def _position(self) -> dict:
        """Where the run is: by its trainer, before there is one by its log, and else at the beginning."""
        if self._session:
            return self._session.position()
        last = self.run.view().last
        return position_of(last) if last else beginning()

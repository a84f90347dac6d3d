"""Drains a Trainer into a run directory and obeys its control file. Whoever starts it (the page's launcher, the
command line) gets the same files."""

import signal
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from resnet_demo.training import events
from resnet_demo.training.files import remove_unfinished
from resnet_demo.training.meter import Meter
from resnet_demo.training.runs import PAUSE, RUN, Progress, RunDirectory, RunStore

SAVE_EVERY_S = 60.0
PROGRESS_EVERY_S = 1.0


class Worker:
    """Trains one run to its end, or until it is told otherwise.

    `work()` yields each event after it has been stored, and Progress while the data load. Torch is imported once
    the locks are held, so that a second start is refused at once and the page sees a living worker early.
    """

    def __init__(self, run: RunDirectory, data_dir: Path) -> None:
        self.run, self.data_dir = run, data_dir
        self._signalled = False
        self._trainer = None
        self._dataset = None
        self._meter = Meter()
        self._last_progress = self._last_save = 0.0

    def stop_on_signals(self) -> None:
        """Ctrl-C and SIGTERM pause: save, end, and leave a run that can be resumed. A second one ends at once."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self._signalled = True
        signal.signal(number, signal.SIG_DFL)

    def work(self) -> Iterator[events.Event | Progress]:
        """Raises RunError where another trains in this folder. A failure becomes the run's last event."""
        run = self.run
        with RunStore(run.path.parent).training(run):
            run.request(RUN)  # what was wanted of an earlier worker is done with
            if run.view().ended:
                return
            remove_unfinished(run.path)
            try:
                yield from self._load()
                if self._trainer:
                    yield from self._train()
            except OSError as error:
                yield self._fail(_disk_sentence(error))
            except Exception as error:  # noqa: BLE001 - the last word of a process: said in the run, traced in the log
                traceback.print_exc(file=sys.stderr)
                yield self._fail(failure_sentence(error))

    # --- loading ----------------------------------------------------------------------------------------------

    def _load(self) -> Iterator[Progress | events.Event]:
        """Data, device, network, and the state to go on from. Leaves no trainer where told to pause or stop."""
        yield self._note(Progress("starting"), always=True)
        config = self.run.config()

        from resnet_demo.data.sources import load_dataset
        from resnet_demo.training.checkpoint import load_state
        from resnet_demo.training.device import prepare
        from resnet_demo.training.environment import record_environment
        from resnet_demo.training.trainer import Trainer

        choice = prepare(config)
        record_environment(self.run, config, choice.name)
        loading = load_dataset(config.data, self.data_dir)
        while True:
            try:
                loaded = next(loading)
            except StopIteration as done:
                self._dataset = done.value
                break
            yield self._note(Progress(loaded.phase, loaded.done, loaded.total))
            if self._wanted() != RUN:
                loading.close()
                yield from self._leave_before_training()
                return
        yield self._note(Progress("starting"), always=True)
        trainer = Trainer(config, self._dataset, choice)
        if self.run.state_path.exists():
            trainer.load_state_dict(load_state(self.run.state_path))
        self._trainer = trainer

    def _leave_before_training(self) -> Iterator[events.Event]:
        place = {"time": time.time(), "epoch": 1, "step": 0, "images_seen": 0, "elapsed_s": 0.0}
        if self._wanted() == PAUSE:
            yield self._store(events.RunPaused(**place))
        else:
            yield self._store(events.RunEnded(**place, outcome="stopped", message="Stopped before the first step."))

    # --- training ---------------------------------------------------------------------------------------------

    def _train(self) -> Iterator[events.Event]:
        trainer = self._trainer
        self._meter.start(trainer)
        self._last_save = time.monotonic()
        for event in trainer.run():
            self._meter.see(event)
            if isinstance(event, events.StepEnded):
                self._note(self._progress(event))
                yield event
            elif isinstance(event, events.RunEnded):
                self._finish(event)
                yield event
                return
            else:
                yield self._store(event)
            if isinstance(event, events.EpochEnded):
                yield self._save(event, epoch_too=True)
            elif time.monotonic() - self._last_save > SAVE_EVERY_S and isinstance(event, events.MetricsLogged):
                yield self._save(event)
            if (wanted := self._wanted()) != RUN:
                yield from self._leave(event, wanted)
                return

    def _save(self, at: events.Event, epoch_too: bool = False) -> events.Event:
        """resume.pt, then model.safetensors, then the log's line: a kill in between loses nothing."""
        from resnet_demo.training.checkpoint import save_model, save_state

        trainer, run = self._trainer, self.run
        self._note(Progress("saving", epoch=at.epoch, step=at.step, elapsed_s=at.elapsed_s), always=True)
        save_state(run.state_path, trainer.state_dict())
        save_model(run.model_path, trainer.averaged, self._model_info())
        if epoch_too:
            self._keep_epoch(at)
        self._last_save = time.monotonic()
        return self._store(events.CheckpointSaved(**_place(at)))

    def _keep_epoch(self, ended: events.EpochEnded) -> None:
        """Keep this epoch's weights where it is the best by held-out accuracy, or one of four spread over the run."""
        from resnet_demo.training.checkpoint import save_model

        done = [*self.run.view().epochs]
        measured = [epoch for epoch in done if epoch.validation_accuracy is not None]
        best = max(measured, key=lambda epoch: epoch.validation_accuracy, default=None)
        total = self._trainer.config.epochs
        kept = {max(1, round(total * quarter / 4)) for quarter in (1, 2, 3, 4)} | ({best.epoch} if best else set())
        if ended.epoch in kept:
            self.run.epochs_path.mkdir(exist_ok=True)
            save_model(self.run.epoch_path(ended.epoch), self._trainer.averaged, self._model_info())
        for epoch in set(self.run.saved_epochs()) - kept:
            self.run.epoch_path(epoch).unlink()

    def _leave(self, at: events.Event, wanted: str) -> Iterator[events.Event]:
        yield self._save(at)
        if wanted == PAUSE:
            yield self._store(events.RunPaused(**_place(at)))
        else:
            ended = events.RunEnded(**_place(at), outcome="stopped", message="Stopped and saved on request.")
            self._finish(ended)
            yield ended

    def _finish(self, ended: events.RunEnded) -> None:
        self._store(ended)
        self.run.state_path.unlink(missing_ok=True)

    def _fail(self, message: str) -> events.Event:
        """The run's last event; resume.pt stays: what had been saved is not lost."""
        if self._trainer:
            place = {"epoch": self._trainer.epochs_done + 1, "step": self._trainer.step}
            place |= {"images_seen": self._trainer.images_seen, "elapsed_s": self._trainer.elapsed_now()}
        else:
            place = {"epoch": 1, "step": 0, "images_seen": 0, "elapsed_s": 0.0}
        print(message, file=sys.stderr, flush=True)
        return self._store(events.RunEnded(time=time.time(), **place, outcome="failed", message=message))

    # --- small parts ------------------------------------------------------------------------------------------

    def _wanted(self) -> str:
        return PAUSE if self._signalled else self.run.wanted()

    def _store(self, event: events.Event) -> events.Event:
        self.run.append(event)
        return event

    def _note(self, progress: Progress, always: bool = False) -> Progress:
        """Write progress.json, at most once a second."""
        now = time.monotonic()
        if always or now - self._last_progress >= PROGRESS_EVERY_S:
            self._last_progress = now
            self.run.write_progress(Progress(**{**progress.__dict__, "time": time.time()}))
        return progress

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
        )

    def _model_info(self):
        from resnet_demo.training.model_info import ModelInfo

        trainer, config = self._trainer, self._trainer.config
        return ModelInfo(
            arch=config.arch,
            stem=config.stem,
            classes=trainer.classes,
            mean=trainer.normalise.mean,
            std=trainer.normalise.std,
            data=config.data,
            light_on_dark=self._dataset.light_on_dark,
            epoch=trainer.epochs_done,
            step=trainer.step,
            accuracy=trainer.last_accuracy,
        )


def failure_sentence(error: Exception) -> str:
    """What happened and what to do, for the person who started the run."""
    import torch

    from resnet_demo.data.sources import DataError
    from resnet_demo.training.device import DeviceError
    from resnet_demo.training.model_info import CheckpointError
    from resnet_demo.training.runs import RunError
    from resnet_demo.training.trainer import TrainingError

    if isinstance(error, DataError | DeviceError | CheckpointError | RunError | TrainingError):
        return str(error)
    out_of_memory = isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
    if out_of_memory:
        return "The memory is not enough for this batch. Choose a smaller batch size, or a stem that shrinks more."
    kind = type(error).__name__
    return f"Training stopped by an unexpected error ({kind}: {error}). The trace is in the run's worker.log."


def _disk_sentence(error: OSError) -> str:
    what = error.strerror or str(error)
    return f"A file of the run could not be read or written ({what}). Free disk space or check the folder, then resume."


def _place(event: events.Event) -> dict:
    return {
        "time": time.time(),
        "epoch": event.epoch,
        "step": event.step,
        "images_seen": event.images_seen,
        "elapsed_s": event.elapsed_s,
    }

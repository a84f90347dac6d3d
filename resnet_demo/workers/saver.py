"""When a worker saves its run, and in which order the files are written. Imports torch: a worker imports this module
once it holds the locks."""

import time
from collections.abc import Callable
from pathlib import Path

from resnet_demo.data.dataset import Dataset
from resnet_demo.models.checkpoint import save_model
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs import events
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.worker_files import RUN
from resnet_demo.training.resume_state import save_state
from resnet_demo.training.trainer import Trainer
from resnet_demo.workers.position import position_of

SAVE_EVERY_S = 60.0
SAVE_AT_EPOCH_END_S = 20.0  # since the last save: ResNet-50 with AdamW writes 470 MB, and a GPU ends an epoch every 3 s


class RunSaver:
    """Saves where the trainer rests at an event: what continuing takes, the weights for others, and the weights of a
    few epochs."""

    def __init__(
        self,
        run: RunDirectory,
        trainer: Trainer,
        dataset: Dataset,
        store: Callable[[events.Event], events.Event],
        say_saving: Callable[[events.Event], None],
    ) -> None:
        """`store` appends an event to the log; `say_saving` is told before a save begins."""
        self.run, self._trainer, self._dataset, self._store, self._say_saving = run, trainer, dataset, store, say_saving
        self._last_save = 0.0

    def start_clock(self) -> None:
        """The training begins: from now on the time until the next save counts."""
        self._last_save = time.monotonic()

    def save_where_due(self, event: events.Event, wanted: str) -> events.Event | None:
        """Before this worker leaves, and by the clock; the log's event, if any. The weights of an epoch that is kept
        are written at its end whether or not a save is due."""
        if isinstance(event, events.EpochEnded):
            self._keep_epoch(event)
        if wanted != RUN or self._is_save_due(event):
            saved = self._save(event)
            self.drop_epochs()
            return saved
        if isinstance(event, events.RunResumed) and not self._is_published():
            return self._publish(event)
        return None

    def _is_save_due(self, event: events.Event) -> bool:
        """By the clock alone, whatever the device: what a kill may cost is time, and short epochs (digits) pass within
        a second on a CPU, too. At an epoch's end sooner than within one; there in any case if nothing has been saved
        yet, since people wait for the first weights, and after the last epoch, whose save ends the run."""
        age_s = time.monotonic() - self._last_save
        if not isinstance(event, events.EpochEnded):
            return age_s > SAVE_EVERY_S
        return self._trainer.is_over or not self.run.state_path.exists() or age_s > SAVE_AT_EPOCH_END_S

    def _save(self, at: events.Event) -> events.Event:
        """resume.pt, then model.safetensors, then the log's line: a kill in between loses nothing, since a worker that
        resumes does what is missing. (The weights of an epoch that is kept come before: they are not made again.)"""
        self._say_saving(at)
        save_state(self.run.state_path, self._trainer.state_dict())
        return self._publish(at)

    def _publish(self, at: events.Event) -> events.Event:
        """Let others see what resume.pt holds: model.safetensors, if it is of another point, and the log's line."""
        if not self._is_model_current():
            self._save_model(self.run.model_path)
        self._last_save = time.monotonic()
        return self._store(events.CheckpointSaved(**position_of(at)))

    def _is_published(self) -> bool:
        """Whether others know of the point that this worker goes on from."""
        saved = self.run.view().saved
        return self._is_model_current() and saved is not None and saved.step == self._trainer.step

    def _is_model_current(self) -> bool:
        info = self.run.model_info()
        return info is not None and (info.epoch, info.step) == (self._trainer.epochs_done, self._trainer.step)

    def _save_model(self, path: Path) -> None:
        save_model(path, self._trainer.ema_model, self._model_info())

    def _keep_epoch(self, ended: events.EpochEnded) -> None:
        """Keep this epoch's weights if it is one of `_kept_epochs`."""
        if ended.epoch in self._kept_epochs():
            self.run.epochs_path.mkdir(exist_ok=True)
            self._save_model(self.run.epoch_path(ended.epoch))

    def _kept_epochs(self) -> set[int]:
        """The best by held-out accuracy so far, and four spread over the run."""
        ended = self.run.view().epochs
        measured = {epoch.epoch: epoch.validation_accuracy for epoch in ended if epoch.validation_accuracy is not None}
        best = {max(measured, key=lambda epoch: measured[epoch])} if measured else set()
        total = self._trainer.config.epochs
        return {max(1, round(total * quarter / 4)) for quarter in (1, 2, 3, 4)} | best

    def drop_epochs(self) -> None:
        """Delete the weights of epochs that are no longer the best, after a save: after a kill before it the better
        epoch ends once more, on a GPU perhaps as a worse one."""
        for epoch in set(self.run.saved_epochs()) - self._kept_epochs():
            self.run.epoch_path(epoch).unlink(missing_ok=True)

    def _model_info(self) -> ModelInfo:
        trainer, config = self._trainer, self._trainer.config
        network = trainer.model.spec
        return ModelInfo(
            arch=network.arch,
            stem=network.stem,
            shortcut=network.shortcut,
            classes=trainer.data.classes,
            mean=trainer.data.normalise.mean,
            std=trainer.data.normalise.std,
            data=config.data,
            light_on_dark=self._dataset.light_on_dark,
            epoch=trainer.epochs_done,
            step=trainer.step,
            accuracy=trainer.last_accuracy,
            split=config.split,
            tested_on=trainer.data.test_digest,
            held_out=len(trainer.data.validation),
            calibration=trainer.calibration,
            flip_averaging=trainer.data.flip_averaging,
        )

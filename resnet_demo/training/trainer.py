"""The training loop: a generator of events. While an event is in your hand, the trainer is at rest, and what
`state_dict()` returns continues exactly there."""

import copy
import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from resnet_demo.data.batches import IMAGENET_MEAN, IMAGENET_STD, Augment, Drawn, Normalise, draw_epoch, make_batch
from resnet_demo.data.sources import Dataset
from resnet_demo.data.splits import split
from resnet_demo.errors import UserError
from resnet_demo.models.checkpoint_info import Calibration
from resnet_demo.models.depth import block_responses
from resnet_demo.models.resnet import ResNet
from resnet_demo.runs import events
from resnet_demo.runs.config import NOTHING_TO_STOP_BY, TrainConfig
from resnet_demo.runs.early_stopping import reason_to_stop
from resnet_demo.runs.schedule import learning_rate
from resnet_demo.text import name_of_class
from resnet_demo.training.calibration import calibrate
from resnet_demo.training.cuda_graph import CapturedStep, CudaGraphError
from resnet_demo.training.device import DeviceChoice
from resnet_demo.training.distributed import SINGLE_PROCESS, Processes
from resnet_demo.training.ema import ema_steps_due, update_ema
from resnet_demo.training.evaluation import (
    batches_in_order,
    count_batches,
    evaluation_batch,
    evaluation_logits,
    loss_and_correct,
)
from resnet_demo.training.optimizer import load_optimizer_state, make_optimizer, optimizer_state, set_learning_rate
from resnet_demo.training.whitening import IMAGES, whiten

MEASURED_IMAGES = 16  # of a batch, by which the blocks are measured
STATE_FORMAT = 4
WITHOUT_SETTINGS = 3  # the format of the states of before, which know neither the settings nor the machine


_Event = TypeVar("_Event", bound=events.Event)


class TrainingError(UserError):
    """Training cannot go on: a sentence for people."""


class Diverged(TrainingError):
    """The numbers are no numbers any more: whoever trains on from the last save comes to the same."""

    comes_again = True


class Trainer:
    """Trains one network on one dataset, from the start or from a `state_dict()`.

    Everything random is a function of (config.seed, epoch, step); the learning rate is one of the step. Raises
    TrainingError where the data cannot be trained on with this config or the loss is no longer a number.

    Of several processes each trains its shard of every batch and has the same weights after it; the statistics of
    the norms are its shard's own, and those of the first process are what is evaluated and saved.
    """

    def __init__(
        self, config: TrainConfig, dataset: Dataset, choice: DeviceChoice, processes: Processes = SINGLE_PROCESS
    ) -> None:
        self.config, self.choice, self.processes = config, choice, processes
        self.classes, self.warnings = dataset.classes, dataset.warnings
        self.data_digest, self.test_digest = dataset.digest(), dataset.test_digest()
        parts = split(dataset, config.seed, config.train_images, config.validation_images, config.test_images)
        self.train, self.validation, self.test = (
            part.to(choice.device) for part in (parts.train, parts.validation, parts.test)
        )
        self.steps_per_epoch = len(self.train) // config.batch_size
        if self.steps_per_epoch == 0:
            raise TrainingError(
                f"{len(self.train)} training images do not fill one batch of {config.batch_size}. "
                "Choose a smaller batch or more images."
            )
        if config.batch_size < 2 * self.processes.size:
            raise TrainingError(
                f"A batch of {config.batch_size} is too small for {self.processes.size} processes: each needs at "
                "least two images. Choose a larger batch or fewer processes."
            )
        if config.early_stopping_patience and not len(self.validation):  # too few images to hold any out
            raise TrainingError(NOTHING_TO_STOP_BY)
        imagenet = config.normalisation == "imagenet"
        self.normalise = Normalise(
            IMAGENET_MEAN if imagenet else dataset.mean, IMAGENET_STD if imagenet else dataset.std
        )
        self.augment = Augment(config.crop_padding, config.flip and dataset.may_flip, config.cutout)

        torch.manual_seed(config.seed)
        self.model = ResNet(config.network(len(dataset.classes)), config.zero_init_residual)
        self.model = self.model.to(choice.device).to(memory_format=torch.channels_last)
        if config.whiten_stem:
            self._whiten_stem()
        self.averaged = copy.deepcopy(self.model).eval() if config.ema_decay else self.model
        # Compiled, the same module is called in another way: its parameters and their names stay.
        self.network = torch.compile(self.model) if config.compile else self.model
        self.optimizer = make_optimizer(config, self.model)
        self.loss = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
        # Gradients of float16 are too small for it: the loss is scaled up, and they are scaled down before the step.
        self.scaler = torch.amp.GradScaler(choice.device.type, enabled=choice.precision is torch.float16)
        captured = config.cuda_graph and choice.device.type == "cuda" and processes.size == 1
        self._compute = CapturedStep(self._compute_step) if captured else self._compute_step

        self.epochs_done = 0
        self.step = 0
        exact = torch.float32 if choice.device.type == "mps" else torch.float64  # Apple's GPUs know no float64
        self.sums = torch.zeros(3, dtype=exact, device=choice.device)  # loss, correct, images
        self.elapsed_s, self._clock = 0.0, time.monotonic()
        self._resumed = False
        self._resume_warnings: tuple[str, ...] = ()
        self.last_accuracy: float | None = None  # on the test images, after the last evaluated epoch
        self.calibration: Calibration | None = None  # on the held-out images, after that epoch
        self.validation_accuracies: list[float | None] = []  # of each evaluated epoch

    def _whiten_stem(self) -> None:
        """Not where no norm takes out the filters' size, which is chosen for one that does."""
        if not isinstance(self.model.bn1, nn.BatchNorm2d):
            self.warnings += ("No norm follows this network's first convolution, so its filters start as noise.",)
            return
        sample = torch.randperm(len(self.train), generator=torch.Generator().manual_seed(self.config.seed))[:IMAGES]
        whiten(self.model.conv1, self.normalise(self.train.images[sample.to(self.choice.device)]))

    @property
    def total_steps(self) -> int:
        return self.config.epochs * self.steps_per_epoch

    @property
    def images_seen(self) -> int:
        return self.step * self.config.batch_size

    @property
    def is_over(self) -> bool:
        """Whether no epoch is left, or none is worth its time (early stopping)."""
        return self.epochs_done >= self.config.epochs or bool(self._reason_to_stop())

    def _reason_to_stop(self) -> str:
        if self.epochs_done >= self.config.epochs:
            return ""
        return reason_to_stop(self.validation_accuracies, self.config.early_stopping_patience)

    def run(self) -> Iterator[events.Event]:
        """Train to the end. Closing the generator between two events loses nothing."""
        self._clock = time.monotonic()
        yield self._begin()
        while not self.is_over:
            yield from self._train_epoch()
            yield from self._evaluate_epoch()
        yield self._event(events.RunEnded, outcome="finished", message=self._reason_to_stop())

    # --- one epoch --------------------------------------------------------------------------------------------

    def _train_epoch(self) -> Iterator[events.Event]:
        epoch = self.epochs_done + 1
        first = self.step - self.epochs_done * self.steps_per_epoch
        batches = draw_epoch(
            self.train,
            self.config.batch_size,
            self.augment,
            seed=self.config.seed,
            epoch=epoch,
            first_batch=first,
            shard=self.processes.shard,
        )
        since, steps = time.monotonic(), 0
        for done, drawn in enumerate(batches, start=first + 1):
            is_logged = (self.step + 1) % self.config.log_every_steps == 0 or done == self.steps_per_epoch
            rate, gradient_norm = self._train_step(drawn, is_logged)
            steps += 1
            if gradient_norm is not None:
                yield self._log(rate, gradient_norm, steps, since)
                since, steps = time.monotonic(), 0
            if self.config.measure_blocks_every and self.step % self.config.measure_blocks_every == 0:
                began = time.monotonic()
                yield self._measure_blocks(drawn)
                since += time.monotonic() - began  # no time in which images were learned
            yield self._event(events.StepEnded, phase="training", done=done, total=self.steps_per_epoch)

    def _train_step(self, drawn: Drawn, is_logged: bool) -> tuple[float, Tensor | None]:
        """One step of the optimizer and of the averaged weights; returns the learning rate it took and, where the
        step is logged, the norm of its gradient, () on the device: that costs a pass over all gradients."""
        config = self.config
        rate = learning_rate(self.step, self.total_steps, config.learning_rate, config.schedule, config.warmup)
        set_learning_rate(self.optimizer, config, rate)
        self.model.train()
        try:
            gradient_norm = self._compute(drawn, is_logged)
        except CudaGraphError as error:
            raise TrainingError(
                f"A step could not be recorded as a CUDA graph ({error}). Turn CUDA graph off in a new run."
            ) from error
        self.step += 1
        if config.ema_decay and (taken := ema_steps_due(self.step, self.steps_per_epoch)):
            update_ema(self.averaged, self.model, config.ema_decay, self.step, taken)
        return rate, gradient_norm

    def _compute_step(self, drawn: Drawn, is_logged: bool) -> Tensor | None:
        """Forward, backward and the optimizer; counts into `sums`. Nothing here is read by the CPU, and every tensor
        that outlives it stays where it is, so that a GPU can replay it."""
        images, labels = make_batch(self.train, drawn, self.augment, self.normalise)
        with self.choice.autocast():
            logits = self.network(images)
            loss = self.loss(logits, labels)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        with torch.no_grad():  # counted on the device: reading them every step would make the GPU wait
            correct = (logits.argmax(1) == labels).sum()
            counted = torch.stack([loss.detach() * len(labels), correct, torch.full_like(correct, len(labels))])
        self.processes.all_reduce_gradients(self.model, len(labels) / self.config.batch_size, counted)
        if self.scaler.is_enabled():
            self.optimizer.lend_gradients()  # type: ignore[attr-defined]  # make_optimizer adds it
            self.scaler.unscale_(self.optimizer)
        gradient_norm = (
            nn.utils.get_total_norm([p.grad for p in self.model.parameters() if p.grad is not None])
            if is_logged
            else None
        )
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.sums += counted
        return gradient_norm

    def _log(self, rate: float, gradient_norm: Tensor, steps: int, since: float) -> events.MetricsLogged:
        loss, correct, images, norm = torch.cat([self.sums, gradient_norm[None].to(self.sums.dtype)]).tolist()
        if not math.isfinite(loss):
            raise self._astray("The loss is no longer a number")
        self.sums.zero_()
        return self._event(
            events.MetricsLogged,
            train_loss=loss / images,
            train_accuracy=correct / images,
            learning_rate=rate,
            gradient_norm=norm if math.isfinite(norm) else None,  # then the next loss ends the run and says why
            images_per_s=steps * self.config.batch_size / max(time.monotonic() - since, 1e-9),
        )

    def _measure_blocks(self, drawn: Drawn) -> events.BlocksMeasured:
        """On images of the step that is done, in float32 and by a copy of the network: nothing of the training is
        changed by it, nor is a random number drawn."""
        images, labels = make_batch(self.train, drawn, self.augment, self.normalise)
        found = block_responses(self.model, images[:MEASURED_IMAGES], labels[:MEASURED_IMAGES])
        return self._event(
            events.BlocksMeasured,
            ratios=tuple(block.ratio for block in found),
            response_stds=tuple(block.response_std for block in found),
            gradient_norms=tuple(block.gradient_norm for block in found),
        )

    def _evaluate_epoch(self) -> Iterator[events.Event]:
        size = evaluation_batch(self.config.batch_size, self.choice.device)
        total = sum(count_batches(part, size, self.processes) for part in (self.validation, self.test))
        results, done = [], 0
        self.processes.broadcast_tensors(self.averaged.buffers())  # each has its own statistics of the norms
        answers = torch.zeros(len(self.validation), len(self.classes), device=self.choice.device)
        for part in (self.validation, self.test):
            sums = torch.zeros_like(self.sums[:2])
            for chosen, images, labels in batches_in_order(part, size, self.normalise, self.processes):
                if len(labels):
                    logits = evaluation_logits(self.averaged, self.choice, images)
                    sums += loss_and_correct(logits, labels).to(sums.dtype)
                    if part is self.validation:
                        answers[chosen] = logits
                done += 1
                yield self._event(events.StepEnded, phase="evaluating", done=done, total=total)
            self.processes.all_reduce_sum(sums)
            loss, correct = sums.tolist()
            if not math.isfinite(loss):
                raise self._astray("The network's answers are no longer numbers")
            results.append((loss / len(part), correct / len(part)) if len(part) else (None, None))
        (validation_loss, validation_accuracy), (test_loss, test_accuracy) = results
        ended = self._event(
            events.EpochEnded,
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            validation_loss=validation_loss,
            validation_accuracy=validation_accuracy,
        )
        if len(answers):  # of each image one process has the answer, the others zeros
            self.processes.all_reduce_sum(answers)
        self.epochs_done += 1
        self.last_accuracy = test_accuracy
        self.validation_accuracies.append(validation_accuracy)
        self.calibration = calibrate(answers, self.validation.labels)
        yield ended

    def probabilities(self, images: Tensor) -> Tensor:
        """What the averaged network makes of uint8 images (N, 3, H, W): (N, classes) on the CPU, calibrated as the
        checkpoint that is saved now would be. Asking changes nothing of the training."""
        was_training = self.averaged.training  # without averaging it is the network that trains
        logits = evaluation_logits(self.averaged, self.choice, self.normalise(images.to(self.choice.device)))
        self.averaged.train(was_training)
        temperature = self.calibration.temperature if self.calibration else 1.0
        return (logits.cpu().double() / temperature).softmax(1)

    # --- saving and going on ----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that continuing takes, in tensors and plain types; raises TrainingError if the weights are broken."""
        for network in (self.model, self.averaged):
            if not all(torch.isfinite(tensor).all() for tensor in network.state_dict().values()):
                raise self._astray("The weights are no longer numbers")
        return {
            "format": STATE_FORMAT,
            "config": self.config.to_dict(),
            "machine": self.choice.facts(self.processes.size),
            "data": self.data_fingerprint(),
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict() if self.config.ema_decay else None,
            "optimizer": optimizer_state(self.optimizer),
            "scaler": self.scaler.state_dict(),  # empty but for float16
            "epochs_done": self.epochs_done,
            "step": self.step,
            "sums": self.sums,
            "elapsed_s": self.position()["elapsed_s"],
            "last_accuracy": self.last_accuracy,
            "calibration": asdict(self.calibration) if self.calibration else None,
            "validation_accuracies": list(self.validation_accuracies),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken; raises TrainingError where it does not fit this config."""
        if state.get("format") not in (STATE_FORMAT, WITHOUT_SETTINGS):
            raise TrainingError(
                "The saved state is of another version of resnet_demo and cannot be continued here. Start a new run "
                "from its weights."
            )
        if state["format"] != WITHOUT_SETTINGS:
            self._refuse_other_settings(TrainConfig.from_dict(state["config"]))
            self._resume_warnings = self.choice.changes_since(state["machine"], self.processes.size)
        facts = {**state["data"], "classes": [name_of_class(name) for name in state["data"]["classes"]]}
        if facts != self.data_fingerprint():
            raise TrainingError(
                "The images or their classes are not those that this run began with, so it cannot go on exactly. "
                "Put them back as they were, or start a new run."
            )
        try:
            self.model.load_state_dict(state["model"])
            if self.config.ema_decay:
                self.averaged.load_state_dict(state["averaged"])
            load_optimizer_state(self.optimizer, state["optimizer"])
            if self.scaler.is_enabled() and state.get("scaler"):
                self.scaler.load_state_dict(state["scaler"])
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise TrainingError("The saved state does not fit this run's network and cannot be continued.") from error
        self.sums.copy_(state["sums"])
        self.epochs_done, self.step = state["epochs_done"], state["step"]
        self.elapsed_s, self.last_accuracy = state["elapsed_s"], state["last_accuracy"]
        fitted = state.get("calibration")  # which the states of before have not
        self.calibration = Calibration(**fitted) if fitted else None
        self.validation_accuracies = list(state.get("validation_accuracies", ()))  # nor these: they stopped by none
        self._resumed = True

    def _refuse_other_settings(self, saved: TrainConfig) -> None:
        """The state is proved by its digest, config.json is not. The folder that the images lie in may be another:
        their own digest says whether they are the same. A CUDA graph replays the same steps."""
        before, now = saved.to_dict(), self.config.to_dict()
        if others := [name for name in now if name not in ("data", "cuda_graph") and now[name] != before[name]]:
            changes = ", ".join(f"{name} {now[name]!r} instead of {before[name]!r}" for name in others)
            raise TrainingError(
                f"config.json now says {changes}, with which this run was trained so far. Put it back as it was, or "
                "start a new run with the new settings."
            )

    def load_initial_weights(self, weights: dict[str, Tensor], warnings: tuple[str, ...]) -> None:
        """Begin with these weights and buffers, and as initialised where there are none. The optimizer is new.
        Raises TrainingError where they do not fit the network."""
        try:
            for network in (self.model, self.averaged):
                unknown = network.load_state_dict(weights, strict=False).unexpected_keys
        except RuntimeError as error:
            raise TrainingError("The weights to start from do not fit this network.") from error
        if unknown:
            raise TrainingError(f"The weights to start from are another network's: this one has no '{unknown[0]}'.")
        self.warnings += warnings

    def data_fingerprint(self) -> dict[str, Any]:
        """By what a changed data set is noticed: batches are drawn by number from it."""
        counts = [len(part) for part in (self.train, self.validation, self.test)]
        return {"classes": list(self.classes), "counts": counts, "digest": self.data_digest}

    # --- small parts ------------------------------------------------------------------------------------------

    def _begin(self) -> events.Event:
        if self._resumed:  # after the last epoch's evaluation, too, what was logged before stays
            return self._event(events.RunResumed, epoch=self.epochs_done + 1, warnings=self._resume_warnings)
        return self._event(
            events.RunStarted,
            epochs=self.config.epochs,
            steps_per_epoch=self.steps_per_epoch,
            train_images=len(self.train),
            validation_images=len(self.validation),
            test_images=len(self.test),
            classes=self.classes,
            device=self.choice.name,
            warnings=self.warnings,
        )

    def _astray(self, what: str) -> Diverged:
        return Diverged(f"{what} (step {self.step}). Lower the learning rate and start again.")

    def _event(self, kind: type[_Event], **values: Any) -> _Event:
        return kind(**{**self.position(), **values})

    def position(self) -> dict[str, Any]:
        """Where the run is now: the fields that every event has."""
        return {
            "time": time.time(),
            "epoch": self.epochs_done + (not self.is_over),
            "step": self.step,
            "images_seen": self.images_seen,
            "elapsed_s": round(self.elapsed_s + time.monotonic() - self._clock, 3),
        }

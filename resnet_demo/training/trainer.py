"""The training loop: a generator of events. While an event is in your hand, the trainer is at rest, and what
`state_dict()` returns continues exactly there."""

import copy
import math
import time
from collections.abc import Iterator
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from resnet_demo.data.batches import BatchPlan, draw_epoch, make_batch
from resnet_demo.data.sources import Dataset
from resnet_demo.models.checkpoint_info import Calibration
from resnet_demo.models.depth import block_responses
from resnet_demo.models.flip_averaging import answer_logits
from resnet_demo.models.resnet import ResNet
from resnet_demo.runs import events
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.early_stopping import reason_to_stop
from resnet_demo.runs.schedule import learning_rate
from resnet_demo.training.calibration import calibrate
from resnet_demo.training.cuda_graph import CapturedStep, CudaGraphError
from resnet_demo.training.device import DeviceChoice, no_kernel_search
from resnet_demo.training.distributed import SINGLE_PROCESS, Processes
from resnet_demo.training.ema import ema_steps_due, update_ema
from resnet_demo.training.errors import Diverged, TrainingError
from resnet_demo.training.evaluation import (
    batches_in_order,
    count_batches,
    evaluation_batch,
    evaluation_logits,
    loss_and_correct,
)
from resnet_demo.training.optimizer import make_optimizer, set_learning_rate
from resnet_demo.training.trainer_state import restore, state_of
from resnet_demo.training.training_data import TrainingData
from resnet_demo.training.whitening import IMAGES, whiten

MEASURED_IMAGES = 16  # of a batch, by which the blocks are measured

_Event = TypeVar("_Event", bound=events.Event)


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
        self.data = TrainingData(dataset, config, choice.device, processes)
        self.warnings = self.data.warnings  # and what is noticed on the way to the first step

        torch.manual_seed(config.seed)
        self.model = ResNet(config.network(len(self.data.classes)), config.zero_init_residual)
        self.model = self.model.to(choice.device).to(memory_format=torch.channels_last)
        if config.whiten_stem:
            self._whiten_stem()
        self.ema_model = copy.deepcopy(self.model).eval() if config.ema_decay else self.model
        # Compiled, the same module is called in another way: its parameters and their names stay.
        # Its batches have one size: a program for any size would be slower.
        self.network = torch.compile(self.model, dynamic=False) if config.compile else self.model
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
        generator = torch.Generator().manual_seed(self.config.seed)
        sample = torch.randperm(len(self.data.train), generator=generator)[:IMAGES]
        whiten(self.model.conv1, self.data.normalise(self.data.train.images[sample.to(self.choice.device)]))

    @property
    def total_steps(self) -> int:
        return self.config.epochs * self.data.steps_per_epoch

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
        first = self.step - self.epochs_done * self.data.steps_per_epoch
        batches = draw_epoch(
            self.data.train,
            self.config.batch_size,
            self.data.augment,
            seed=self.config.seed,
            epoch=epoch,
            first_batch=first,
            shard=self.processes.shard,
        )
        since, steps = time.monotonic(), 0
        for done, plan in enumerate(batches, start=first + 1):
            is_logged = (self.step + 1) % self.config.log_every_steps == 0 or done == self.data.steps_per_epoch
            rate, gradient_norm = self._train_step(plan, is_logged)
            steps += 1
            if gradient_norm is not None:
                yield self._log(rate, gradient_norm, steps, since)
                since, steps = time.monotonic(), 0
            if self.config.measure_blocks_every and self.step % self.config.measure_blocks_every == 0:
                began = time.monotonic()
                yield self._measure_blocks(plan)
                since += time.monotonic() - began  # no time in which images were learned
            yield self._event(events.StepEnded, phase="training", done=done, total=self.data.steps_per_epoch)

    def _train_step(self, plan: BatchPlan, is_logged: bool) -> tuple[float, Tensor | None]:
        """One step of the optimizer and of the averaged weights; returns the learning rate it took and, where the
        step is logged, the norm of its gradient, () on the device: that costs a pass over all gradients."""
        config = self.config
        rate = learning_rate(self.step, self.total_steps, config.learning_rate, config.schedule, config.warmup)
        set_learning_rate(self.optimizer, config, rate)
        self.model.train()
        try:
            gradient_norm = self._compute(plan, is_logged)
        except CudaGraphError as error:
            raise TrainingError(
                f"A step could not be recorded as a CUDA graph ({error}). Turn CUDA graph off in a new run."
            ) from error
        self.step += 1
        if config.ema_decay and (taken := ema_steps_due(self.step, self.data.steps_per_epoch)):
            update_ema(self.ema_model, self.model, config.ema_decay, self.step, taken)
        return rate, gradient_norm

    def _compute_step(self, plan: BatchPlan, is_logged: bool) -> Tensor | None:
        """Forward, backward and the optimizer; counts into `sums`. Nothing here is read by the CPU, and every tensor
        that outlives it stays where it is, so that a GPU can replay it."""
        images, labels = make_batch(self.data.train, plan, self.data.augment, self.data.normalise)
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
            raise Diverged("The loss is no longer a number", self.step)
        self.sums.zero_()
        return self._event(
            events.MetricsLogged,
            train_loss=loss / images,
            train_accuracy=correct / images,
            learning_rate=rate,
            gradient_norm=norm if math.isfinite(norm) else None,  # then the next loss ends the run and says why
            images_per_s=steps * self.config.batch_size / max(time.monotonic() - since, 1e-9),
        )

    def _measure_blocks(self, plan: BatchPlan) -> events.BlocksMeasured:
        """On images of the step that is done, in float32 and by a copy of the network: nothing of the training is
        changed by it, nor is a random number drawn."""
        images, labels = make_batch(self.data.train, plan, self.data.augment, self.data.normalise)
        with no_kernel_search():
            found = block_responses(self.model, images[:MEASURED_IMAGES], labels[:MEASURED_IMAGES])
        return self._event(
            events.BlocksMeasured,
            ratios=tuple(block.ratio for block in found),
            response_stds=tuple(block.response_std for block in found),
            gradient_norms=tuple(block.gradient_norm for block in found),
        )

    def _evaluate_epoch(self) -> Iterator[events.Event]:
        size = evaluation_batch(self.config.batch_size, self.choice.device)
        total = sum(count_batches(part, size, self.processes) for part in (self.data.validation, self.data.test))
        results, done = [], 0
        self.processes.broadcast_tensors(self.ema_model.buffers())  # each has its own statistics of the norms
        answers = torch.zeros(len(self.data.validation), len(self.data.classes), device=self.choice.device)
        for part in (self.data.validation, self.data.test):
            sums = torch.zeros_like(self.sums[:2])
            for chosen, images, labels in batches_in_order(part, size, self.data.normalise, self.processes):
                if len(labels):
                    logits = evaluation_logits(self.ema_model, self.choice, images)
                    sums += loss_and_correct(logits, labels).to(sums.dtype)
                    if part is self.data.validation:
                        answers[chosen] = self._answer_logits(images, logits)
                done += 1
                yield self._event(events.StepEnded, phase="evaluating", done=done, total=total)
            self.processes.all_reduce_sum(sums)
            loss, correct = sums.tolist()
            if not math.isfinite(loss):
                raise Diverged("The network's answers are no longer numbers", self.step)
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
        self.calibration = calibrate(answers, self.data.validation.labels)
        yield ended

    def probabilities(self, images: Tensor) -> Tensor:
        """What the averaged network makes of uint8 images (N, 3, H, W): (N, classes) on the CPU, calibrated as the
        checkpoint that is saved now would be. Asking changes nothing of the training."""
        was_training = self.ema_model.training  # without averaging it is the network that trains
        normalised = self.data.normalise(images.to(self.choice.device))
        with no_kernel_search():
            logits = self._answer_logits(normalised, evaluation_logits(self.ema_model, self.choice, normalised))
        self.ema_model.train(was_training)
        temperature = self.calibration.temperature if self.calibration else 1.0
        return (logits.cpu().double() / temperature).softmax(1)

    def _answer_logits(self, images: Tensor, logits: Tensor) -> Tensor:
        """What the checkpoint answers by, of normalised images: their logits, or the mean with the mirror images'."""
        network = partial(evaluation_logits, self.ema_model, self.choice)
        return answer_logits(network, images, logits, self.data.flip_averaging)

    # --- saving and going on ----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """All that continuing takes, in tensors and plain types; raises TrainingError if the weights are broken."""
        return state_of(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state` was taken; raises TrainingError where it does not fit this config."""
        self._resume_warnings = restore(self, state)
        self._resumed = True

    def load_initial_weights(self, weights: dict[str, Tensor], warnings: tuple[str, ...]) -> None:
        """Begin with these weights and buffers, and as initialised where there are none. The optimizer is new.
        Raises TrainingError where they do not fit the network."""
        try:
            for network in (self.model, self.ema_model):
                unknown = network.load_state_dict(weights, strict=False).unexpected_keys
        except RuntimeError as error:
            raise TrainingError("The weights to start from do not fit this network.") from error
        if unknown:
            raise TrainingError(f"The weights to start from are another network's: this one has no '{unknown[0]}'.")
        self.warnings += warnings

    # --- small parts ------------------------------------------------------------------------------------------

    def _begin(self) -> events.Event:
        if self._resumed:  # after the last epoch's evaluation, too, what was logged before stays
            return self._event(events.RunResumed, epoch=self.epochs_done + 1, warnings=self._resume_warnings)
        return self._event(
            events.RunStarted,
            epochs=self.config.epochs,
            steps_per_epoch=self.data.steps_per_epoch,
            train_images=len(self.data.train),
            validation_images=len(self.data.validation),
            test_images=len(self.data.test),
            classes=self.data.classes,
            device=self.choice.name,
            warnings=self.warnings,
        )

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

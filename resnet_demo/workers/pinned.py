"""Asks a trainer about its run's pinned image while it learns."""

import math
from dataclasses import fields
from typing import TYPE_CHECKING

from PIL import Image

from resnet_demo.data.framing import prepare
from resnet_demo.runs import events
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.pinned import PinnedFile, PinnedImage

if TYPE_CHECKING:  # brings torch
    from resnet_demo.training.trainer import Trainer

SOONEST_S, LATEST_S = 2.0, 30.0  # between two answers, but for the ends of epochs
SHARE_OF_ELAPSED = 0.05  # minds change fastest at the beginning
DIGITS = 5  # of a probability: more would only lengthen the log


class PinnedImagePredictor:
    """Asks a trainer about its run's pinned image, when it is time: at once where the image is new, after each
    epoch, and by the clock in between."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._file = PinnedFile(run)
        self._last: events.PredictionLogged | None = None

    def ask(self, trainer: "Trainer", light_on_dark: bool, at: events.Event) -> events.PredictionLogged | None:
        """The answer at the event `at`, where the trainer is at rest; None where there is nothing to ask (yet)."""
        if isinstance(at, events.MetricsLogged):  # stands between a step and its end, and would stop its clock
            return None
        if isinstance(at, events.RunResumed):
            self._last = next(reversed(self.run.view().predictions), None)
        pinned = self._file.read()
        if pinned is None or pinned.image is None or not self._is_due(pinned, at):
            return None
        answer = self._answer(pinned.id, pinned.image, trainer, light_on_dark, at)
        self._last = answer or self._last
        return answer

    def _is_due(self, pinned: PinnedImage, at: events.Event) -> bool:
        last = self._last
        if last is None or last.image != pinned.id:
            return True
        if last.step == at.step:  # the same weights have the same answer
            return False
        waited = at.elapsed_s - last.elapsed_s
        enough = min(max(SHARE_OF_ELAPSED * at.elapsed_s, SOONEST_S), LATEST_S)
        return isinstance(at, events.EpochEnded) or waited >= enough

    @staticmethod
    def _answer(
        pinned_id: str, image: Image.Image, trainer: "Trainer", light_on_dark: bool, at: events.Event
    ) -> events.PredictionLogged | None:
        from resnet_demo.data.batches import to_tensor

        seen, _ = prepare(image, light_on_dark)
        shares = [round(share, DIGITS) for share in trainer.probabilities(to_tensor([seen]))[0].tolist()]
        if not all(map(math.isfinite, shares)):  # the trainer says so itself, and ends the run, at its next point
            return None
        place = {field.name: getattr(at, field.name) for field in fields(events.Event)}
        return events.PredictionLogged(**place, image=pinned_id, probabilities=tuple(shares))

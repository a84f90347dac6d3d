"""The pinned picture: a run is asked about it again and again while it learns, so that one sees the network make up
its mind.

It is a file of the run: the page writes it at any time, the worker notices within a step. Imports no torch.
"""

import hashlib
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from resnet_demo.data.images import PictureError, fit, load_picture, prepare
from resnet_demo.files import replace_file
from resnet_demo.training import events
from resnet_demo.training.runs import RunDirectory

if TYPE_CHECKING:  # brings torch
    from resnet_demo.training.trainer import Trainer

SOONEST_S, LATEST_S = 2.0, 30.0  # between two answers, but for the ends of epochs
SHARE_OF_ELAPSED = 0.05  # minds change fastest at the beginning
DIGITS = 5  # of a probability: more would only lengthen the log


def pin(run: RunDirectory, picture: Image.Image) -> None:
    """Keep an RGB picture in the run, at the size that the network sees, in place of the one before. Raises OSError."""
    replace_file(run.picture_path, lambda temporary: fit(picture).save(temporary, "PNG"))


def unpin(run: RunDirectory) -> None:
    """Take the picture out of the run; what was answered stays in the log. Raises OSError."""
    run.picture_path.unlink(missing_ok=True)


@dataclass(frozen=True)
class PinnedPicture:
    """`picture` is RGB of 32 x 32, None where the file is damaged; `id` follows from its pixels."""

    id: str
    picture: Image.Image | None


class PinnedFile:
    """Follows a run's pinned.png. To look costs a stat: it is decoded again only where it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._version: tuple[int, int, int] | None = None
        self._pinned: PinnedPicture | None = None

    def look(self) -> PinnedPicture | None:
        """The picture as it is now, None where there is none. Raises OSError where that cannot be found out."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._version = self._pinned = None
            return None
        version = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if version != self._version:
            self._pinned = _read(self.path)
            self._version = version
        return self._pinned


def _read(path: Path) -> PinnedPicture:
    """Under the limits of an upload, whoever put the file there."""
    try:
        picture = fit(load_picture(path))
    except PictureError:
        return PinnedPicture("damaged", None)
    return PinnedPicture(hashlib.blake2b(picture.tobytes(), digest_size=6).hexdigest(), picture)


class PictureAsker:
    """Asks a trainer about its run's pinned picture, when it is time: at once where the picture is new, after each
    epoch, and by the clock in between."""

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._file = PinnedFile(run.picture_path)
        self._last: events.PictureSeen | None = None

    def ask(self, trainer: "Trainer", light_on_dark: bool, at: events.Event) -> events.PictureSeen | None:
        """The answer at the event `at`, where the trainer is at rest; None where there is nothing to ask (yet)."""
        if isinstance(at, events.MetricsLogged):  # stands between a step and its end, and would stop its clock
            return None
        if isinstance(at, events.RunResumed):
            self._last = next(reversed(self.run.view().pictures), None)
        pinned = self._file.look()
        if pinned is None or not self._is_due(pinned, at):
            return None
        answer = self._answer(pinned, trainer, light_on_dark, at)
        self._last = answer or self._last
        return answer

    def _is_due(self, pinned: PinnedPicture, at: events.Event) -> bool:
        last = self._last
        if pinned.picture is None:
            return False
        if last is None or last.picture != pinned.id:
            return True
        if last.step == at.step:  # the same weights have the same answer
            return False
        waited = at.elapsed_s - last.elapsed_s
        enough = min(max(SHARE_OF_ELAPSED * at.elapsed_s, SOONEST_S), LATEST_S)
        return isinstance(at, events.EpochEnded) or waited >= enough

    @staticmethod
    def _answer(
        pinned: PinnedPicture, trainer: "Trainer", light_on_dark: bool, at: events.Event
    ) -> events.PictureSeen | None:
        from resnet_demo.data.batches import to_tensor

        seen, _ = prepare(pinned.picture, light_on_dark)
        shares = [round(share, DIGITS) for share in trainer.probabilities(to_tensor([seen]))[0].tolist()]
        if not all(map(math.isfinite, shares)):  # the trainer says so itself, and ends the run, at its next point
            return None
        place = {field.name: getattr(at, field.name) for field in fields(events.Event)}
        return events.PictureSeen(**place, picture=pinned.id, probabilities=tuple(shares))

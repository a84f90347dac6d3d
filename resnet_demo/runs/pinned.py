"""The pinned image: a run is asked about it again and again, so that one can follow the prediction for it while the
network learns.

It is a file of the run: the page writes it at any time, the worker notices within a step. Imports no torch.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from resnet_demo.data.decoder import load_image
from resnet_demo.data.framing import fit
from resnet_demo.data.headers import ImageError
from resnet_demo.files import replace_file
from resnet_demo.runs.directory import RunDirectory


def pin(run: RunDirectory, image: Image.Image) -> None:
    """Keep an RGB image in the run, at the size that the network sees, in place of the one before. Raises OSError
    and RunError."""
    run.refuse_if_shipped()
    replace_file(run.pinned_path, lambda temporary: fit(image).save(temporary, "PNG"))


def unpin(run: RunDirectory) -> None:
    """Take the image out of the run; what was answered stays in the log. Raises OSError and RunError."""
    run.refuse_if_shipped()
    run.pinned_path.unlink(missing_ok=True)


@dataclass(frozen=True)
class PinnedImage:
    """`image` is RGB of 32 x 32, None where the file is damaged; `id` follows from its pixels."""

    id: str
    image: Image.Image | None


class PinnedFile:
    """Follows a run's pinned.png. To read it again costs a stat: it is decoded again only where it has changed."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._version: tuple[int, int, int] | None = None
        self._pinned: PinnedImage | None = None

    def read(self) -> PinnedImage | None:
        """The image as it is now, None where there is none. Raises OSError where that cannot be found out."""
        try:
            stat = self._run.pinned_path.stat()
        except FileNotFoundError:
            self._version = self._pinned = None
            return None
        version = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        if version != self._version:
            self._pinned = _decoded(self._run)
            self._version = version
        return self._pinned


def _decoded(run: RunDirectory) -> PinnedImage:
    """Under the limits of an upload, whoever put the file there."""
    try:
        image = _shipped(run.pinned_path) if run.is_shipped else load_image(run.pinned_path).image
    except ImageError:
        return PinnedImage("damaged", None)
    return PinnedImage(hashlib.blake2b(image.tobytes(), digest_size=6).hexdigest(), image)


def _shipped(path: Path) -> Image.Image:
    """What comes with the project is nobody's upload, and the page's first answer need not wait for the process that
    decodes those."""
    with Image.open(path) as image:
        return image.convert("RGB")

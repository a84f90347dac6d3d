"""What a run will take, before Start: pure functions. Imports neither gradio nor torch."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_demo.data.known import KNOWN
from resnet_demo.runs.config import TrainConfig
from resnet_demo.text import duration, rate

if TYPE_CHECKING:
    from resnet_demo.workers.estimate import Estimate


def plan_placeholder() -> str:
    return '<p class="plan">Looking at this machine: the device and the duration will stand here…</p>'


def plan_problem(error: Exception) -> str:
    return f'<p class="plan">{escape(str(error))}</p>'


def plan_html(device_reason: str, guess: "Estimate", downloads: dict[str, int]) -> str:
    """`downloads` are the bytes of what there may be to fetch, 0 for nothing."""
    fetched = " and ".join(f"{name} ({count / 1e6:.0f} MB)" for name, count in downloads.items() if count)
    download = f"Downloads {fetched} first. " if fetched else ""
    about = "about " if guess.about else ""
    if guess.steps_per_epoch == 0:
        time = "The training images do not fill one batch: choose a smaller batch, or more images."
    elif guess.images_per_s is None:
        time = "How long it takes shows as soon as it trains: no run like it has told its speed on this device yet."
    elif guess.seconds is None:
        time = "How long it takes shows once the images are counted."
    else:
        takes = duration(guess.seconds)
        if guess.about and guess.least_s and guess.most_s:
            takes = f"{duration(guess.least_s)} to {duration(guess.most_s)}"
        busy = " This machine is busy now; alone it would be quicker." if guess.is_busy else ""
        time = f"Takes {about}<b>{takes}</b> at {about}{rate(guess.images_per_s)}.{busy}"
    return f'<p class="plan">{escape(device_reason)} {download}{time}</p>'


def download_size(config: TrainConfig, data_dir: Path) -> int:
    """Bytes of images that Start will fetch before the first step."""
    known = KNOWN.get(config.data)
    return known.download_bytes(data_dir) if known else 0

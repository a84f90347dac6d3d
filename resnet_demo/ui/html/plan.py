"""What a run will take, before Start: pure functions. Imports neither gradio nor torch."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_demo.data.known import KNOWN
from resnet_demo.language import t
from resnet_demo.runs.config import TrainConfig
from resnet_demo.text import duration, rate, rough_duration

if TYPE_CHECKING:
    from resnet_demo.workers.estimate import Estimate


def plan_placeholder() -> str:
    return f'<p class="plan">{t("Checking this machine: the device and the expected duration will appear here…")}</p>'


def plan_problem(error: Exception) -> str:
    return f'<p class="plan">{escape(t(str(error)))}</p>'


def plan_html(device_reason: str, guess: "Estimate", downloads: dict[str, int], one_trains: bool = False) -> str:
    """`downloads` are the bytes of what there may be to fetch, 0 for nothing. While a run trains, its card alone says
    how long it takes: what was guessed before it began would stand beside what is measured."""
    fetched = t(" and ").join(f"{name} ({count / 1e6:.0f} MB)" for name, count in downloads.items() if count)
    takes = _takes(guess)
    if one_trains and guess.steps_per_epoch != 0:
        takes = (
            t("The expected duration appears once the run in progress has ended; its card says when that will be."),
        )
    sentences = [escape(device_reason), t("Downloads {what} first.", what=fetched) if fetched else "", *takes]
    return f'<p class="plan">{t(" ").join(filter(None, sentences))}</p>'


def _takes(guess: "Estimate") -> tuple[str, ...]:
    """How long, at which speed."""
    if guess.steps_per_epoch == 0:
        return (t("The training images do not fill one batch: choose a smaller batch, or more images."),)
    if guess.images_per_s is None:
        return (
            t(
                "The expected duration appears once training has started: no similar run has been timed on this device "
                "yet."
            ),
        )
    if guess.seconds is None:
        return (t("The expected duration appears once the images have been counted."),)
    time = rough_duration(guess.seconds) if guess.about else duration(guess.seconds)
    if guess.about and guess.least_s and guess.most_s:
        least, most = rough_duration(guess.least_s), rough_duration(guess.most_s)
        time = least if least == most else t("{least} to {most}", least=least, most=most)
    told = {"time": f"<b>{time}</b>", "speed": rate(guess.images_per_s)}
    takes = t("Takes about {time} at about {speed}.", **told) if guess.about else t("Takes {time} at {speed}.", **told)
    return (takes, t("This machine is busy now; alone it would be quicker.")) if guess.is_busy else (takes,)


def download_size(config: TrainConfig, data_dir: Path) -> int:
    """Bytes of images that Start will fetch before the first step."""
    known = KNOWN.get(config.data)
    return known.download_bytes(data_dir) if known else 0

"""Visitors who look and ask beside a training: how long their pages wait, what is refused, what the app takes.

    python -m benchmarks.crowd [--minutes 10] [--visitors 20] [--burst 60] [--write TABLE.md]

A CPU Space of this machine's cores: the app with a Space's variables, a worker that trains ResNet-50 on random images
at the priority that the page gives it, and simulated visitors. Each polls at the page's own pace and, about every
twenty seconds, uploads an image and asks for its classes, as a browser does: an upload, a place in the queue, an
answer. After their time, so many ask all at once. The training's images/s before, with and after them stand beside it.
"""

import argparse
import io
import json
import os
import random
import shutil
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
from PIL import Image

from benchmarks.machine import machine_line, publish, spread
from benchmarks.page_cost import draw_images
from benchmarks.running import running_app
from benchmarks.visitors import Page
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.directory import SHIPPED, RunDirectory
from resnet_demo.runs.store import RunStore
from resnet_demo.workers.launcher import Launcher

ASKS_EVERY_S = 20.0
IMAGE_SIZE = (1600, 1200)
ALONE_S = 60.0  # the training without visitors, before and after them
SPACE = {"SPACE_ID": "somebody/resnet-opened", "RESNET_DEMO_TOKEN": "the owner's own"}


@dataclass
class Seen:
    """What the visitors have met, in seconds."""

    polls: list[float] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def main() -> None:
    options = _arguments()
    os.environ.update(SPACE)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GRADIO_TEMP_DIR"] = f"{folder}/uploads"
        store = RunStore(Path(folder) / "runs")
        answering = newest_shipped(store)
        draw_images(Path(folder) / "images")
        with running_app(store.folder) as (url, app):
            launcher = Launcher(store, Path(folder) / "data")
            run = launcher.start(preset_config("fast", data=f"folder:{folder}/images", epochs=1000))
            try:
                lines = measure(url, app, run, answering, Path(folder) / "uploads", options)
            finally:
                launcher.stop(run)
                launcher.wait_until_idle(300)
    publish(lines, options.write)


def newest_shipped(store: RunStore) -> str:
    """A run that answers, put among the others: its id."""
    shipped = max((run for run in RunStore(SHIPPED).runs() if run.model_info()), key=lambda run: run.id)
    shutil.copytree(shipped.path, store.folder / shipped.id)
    return shipped.id


def measure(
    url: str, app: psutil.Process, run: RunDirectory, answering: str, uploads: Path, options: argparse.Namespace
) -> list[str]:
    while not run.view().metrics:  # decoding, and the first steps
        time.sleep(1)
    before, seen, sizes = trained(run, ALONE_S), Seen(), Sizes(app, uploads)
    crowd = Crowd(url, options.visitors, answering, seen)
    during = trained(run, 60 * options.minutes, sizes.look)
    crowd.leave()
    burst = Seen()
    asking = [threading.Thread(target=ask_once, args=(url, answering, burst)) for _ in range(options.burst)]
    page = Page(url)
    for thread in asking:
        thread.start()
    while any(thread.is_alive() for thread in asking):
        burst.polls.append(timed(page.tick))
        sizes.look()
        time.sleep(0.2)
    after = trained(run, ALONE_S)
    return [
        f"{machine_line()}.",
        "",
        f"{options.visitors} visitors for {options.minutes:g} minutes, then {options.burst} who ask all at once; "
        "seconds, median (lowest–highest).",
        "",
        "| | a page's poll | an answer, with its upload | n | refused |",
        "|---|---|---|---|---|",
        row("visitors", seen),
        row("all at once", burst),
        "",
        f"The training had {before:.0f} images/s before them, {during:.0f} with them, {after:.0f} after them. The "
        f"app's process took at most {sizes.memory / 1e6:.0f} MB ({sizes.memory_first / 1e6:.0f} at first), all "
        f"uploads at most {sizes.disk / 1e6:.1f} MB.",
        *(f"Refused: {sentence}" for sentence in sorted({*seen.refused, *burst.refused})),
    ]


def row(who: str, seen: Seen) -> str:
    answers = spread(seen.answers) if seen.answers else "none"
    return f"| {who} | {spread(seen.polls)} | {answers} | {len(seen.answers)} | {len(seen.refused)} |"


def trained(run: RunDirectory, seconds: float, look=lambda: None) -> float:
    """Images per second over this time, by the log."""
    first, start = run.view().last.images_seen, time.monotonic()
    while time.monotonic() - start < seconds:
        time.sleep(2)
        look()
    return (run.view().last.images_seen - first) / (time.monotonic() - start)


class Sizes:
    """The most that the app and its uploads have taken."""

    def __init__(self, app: psutil.Process, uploads: Path) -> None:
        self._app, self._uploads = app, uploads
        self.memory = self.memory_first = app.memory_info().rss
        self.disk = 0

    def look(self) -> None:
        self.memory = max(self.memory, self._app.memory_info().rss)
        files = [path.stat().st_size for path in self._uploads.rglob("*") if path.is_file()]
        self.disk = max(self.disk, sum(files))


class Crowd:
    """So many visitors, each in a thread."""

    def __init__(self, url: str, count: int, answering: str, seen: Seen) -> None:
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._visit, args=(url, answering, seen)) for _ in range(count)]
        for thread in self._threads:
            thread.start()
            time.sleep(0.1)

    def _visit(self, url: str, answering: str, seen: Seen) -> None:
        page, asks_at = Page(url), time.monotonic() + random.uniform(0, ASKS_EVERY_S)
        while not self._over.wait(page.tick_s):
            seen.polls.append(timed(page.tick))
            if time.monotonic() > asks_at:
                ask_once(url, answering, seen)
                asks_at = time.monotonic() + random.uniform(0.5, 1.5) * ASKS_EVERY_S

    def leave(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def timed(action) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def ask_once(url: str, answering: str, seen: Seen) -> None:
    """Upload an image and ask for its classes."""
    start = time.perf_counter()
    with httpx.Client(base_url=f"{url}gradio_api/", timeout=600) as client:
        sent = client.post("upload", files={"files": ("image.jpg", another_jpeg(), "image/jpeg")})
        if sent.status_code == 200:
            image = {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}
            sent = client.post("call/classify", json={"data": [image, answering, True]})
        if sent.status_code != 200:
            seen.refused.append(f"{sent.status_code} {sent.text[:200]}")
            return
        answer = client.get(f"call/classify/{sent.json()['event_id']}").text
    if "event: complete" in answer and "probability" in answer:
        seen.answers.append(time.perf_counter() - start)
    else:
        seen.refused.append(json.dumps(answer[-200:]))


def draw_jpeg() -> bytes:
    """A JPEG of noise over a gradient."""
    noise = np.random.default_rng(0).integers(0, 64, (*IMAGE_SIZE[::-1], 3))
    pixels = (noise + np.linspace(0, 190, IMAGE_SIZE[0])[None, :, None]).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=85)
    return file.getvalue()


JPEG = draw_jpeg()


def another_jpeg() -> bytes:
    """The same pixels with a comment of their own, since Gradio keeps equal files once."""
    comment = uuid.uuid4().bytes
    return JPEG[:2] + b"\xff\xfe" + (2 + len(comment)).to_bytes(2, "big") + comment + JPEG[2:]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--burst", type=int, default=60, help="who ask at one moment")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table to this file, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()

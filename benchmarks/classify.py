"""What an answer costs: one image and a batch of 256 through the loaded predictor, against the bare forward pass of
the same network, in alternation; and how soon the first answer comes.

    python -m benchmarks.classify [--arch resnet50] [--stem imagenet] [--rounds 50] [--write TABLE.md]

The bare forward pass has its input ready: float32, normalised, channels_last. The predictor starts from an image of
32 px and looks for the newest checkpoint each time. It answers single images on one core by design, so the bare
pass has one core there, too; the batch has all. "Norms folded" is the bare pass of the network as the predictor
keeps it, each batch norm folded into its convolution. The first answer is that of a fresh process which has imported
torch and nothing else: the predictor's imports, the checkpoint, the image.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.machine import machine_line, publish, spread
from resnet_demo.data.framing import SIZE
from resnet_demo.inference.folding import fold_norms
from resnet_demo.inference.predictor import BATCH, Predictor
from resnet_demo.models.checkpoint import load_model, save_model
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.models.resnet import NetworkSpec, ResNet
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.store import RunStore

ROOT = Path(__file__).parents[1]
BARE, FOLDED, OURS = "bare forward pass", "bare, norms folded", "the predictor"
FIRST_ANSWER = """
import sys, time, torch
start = time.perf_counter()
from pathlib import Path
from resnet_demo.data.images import load_image
from resnet_demo.inference.predictor import Predictor
from resnet_demo.runs.store import RunStore
Predictor(RunStore(Path(sys.argv[1]))).classify(load_image(Path(sys.argv[2])))
print(time.perf_counter() - start)
"""


def main() -> None:
    options = _arguments()
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder) / "runs")
        run = random_checkpoint(store, NetworkSpec(options.arch, options.stem))
        torch.set_num_threads(1)
        one = compared(store, run, 1, options.rounds)
        torch.set_num_threads(threads)
        many = compared(store, run, BATCH, max(2, options.rounds // 5))
        first = [first_answer(store, Path(folder) / "image.png") for _ in range(options.starts)]
    lines = [
        f"{machine_line()}. {options.arch}, {options.stem} stem; medians in alternation (lowest–highest).",
        "",
        f"| one image, one core, n = {options.rounds} | ms | to the bare pass |",
        "|---|---|---|",
    ]
    for name, times in one.items():
        lines.append(f"| {name} | {spread([1e3 * s for s in times])} | {_ratio(times, one[BARE])} |")
    lines += ["", f"| {BATCH} images, n = {len(many[BARE])} | images/s | to the bare pass |", "|---|---|---|"]
    for name, times in many.items():
        lines.append(f"| {name} | {spread([BATCH / s for s in times])} | {_ratio(many[BARE], times)} |")
    lines += ["", f"The first answer, n = {len(first)}: {spread(first)} s."]
    publish(lines, options.write)


def random_checkpoint(store: RunStore, spec: NetworkSpec) -> RunDirectory:
    """A run whose network has learned nothing: it answers as slowly as one that has."""
    classes = tuple(map(str, range(spec.num_classes)))
    info = ModelInfo(spec.arch, spec.stem, classes, (0.5,) * 3, (0.25,) * 3, "cifar10", False, 1, 1, None)
    run = store.create(preset_config("fast"))
    save_model(run.model_path, ResNet(spec), info)
    return run


def compared(store: RunStore, run: RunDirectory, count: int, rounds: int) -> dict[str, list[float]]:
    """Seconds that each way takes for `count` images, `rounds` times."""
    predictor = Predictor(store)
    values = np.random.default_rng(0).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)
    opened = [Image.fromarray(value) for value in values]
    images = torch.randn(count, 3, SIZE, SIZE).contiguous(memory_format=torch.channels_last)
    model, folded = load_model(run.model_path)[0], fold_norms(load_model(run.model_path)[0])
    ways: dict[str, Callable[[], object]] = {
        BARE: lambda: model(images),
        FOLDED: lambda: folded(images),
        OURS: lambda: predictor.classify(opened[0]) if count == 1 else predictor.classify_batch(opened),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    with torch.inference_mode():
        for measured in range(-2, rounds):  # the first two load and warm up
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                if measured >= 0:
                    times[name].append(time.perf_counter() - start)
    return times


def first_answer(store: RunStore, image: Path) -> float:
    """Seconds of a process of its own from `import torch` to its first answer."""
    Image.effect_noise((SIZE, SIZE), 64).convert("RGB").save(image)
    command = [sys.executable, "-c", FIRST_ANSWER, str(store.folder), str(image)]
    return float(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def _ratio(of: list[float], to: list[float]) -> str:
    return f"{statistics.median(a / b for a, b in zip(of, to, strict=True)):.2f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--arch", default="resnet50")
    parser.add_argument("--stem", default="imagenet")
    parser.add_argument("--rounds", type=int, default=50, help="of single answers; a fifth as many of batches")
    parser.add_argument("--starts", type=int, default=5, help="fresh processes for the first answer")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the tables to this file, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""Which stem and depth learn most in so many minutes on this machine?

    python -m benchmarks.stem_and_depth FOLDER --results FILE.jsonl [--minutes 30 60] [--networks resnet18/cifar …]

FOLDER is CIFAR-10 as an image folder. First the networks' images/s are measured in alternation. Then each trains by the
`fast` recipe, seed 0, on as many pictures as it would get through in the minutes, evaluations at their share: so the
clock counts pictures, and what else the machine does meanwhile changes no result. That takes hours. Each figure is kept
in --results at once, and what stands there is not measured again: the work can be stopped and called again.
"""

import argparse
import json
import math
import statistics
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.machine import machine_line, publish, spread
from benchmarks.throughput import images_per_s, our_loop
from resnet_demo.data.dataset import Dataset
from resnet_demo.data.sources import drain, load_dataset
from resnet_demo.models.catalog import ARCHITECTURES, STEMS
from resnet_demo.training import events
from resnet_demo.training.config import TrainConfig, preset_config
from resnet_demo.training.device import choose_device
from resnet_demo.training.estimate import FORWARD_AND_BACKWARD
from resnet_demo.training.trainer import Trainer

NETWORKS = [f"{arch}/{stem}" for arch in ("resnet18", "resnet34", "resnet50") for stem in STEMS]
TRAINED, EVALUATED = 48_000, 12_000  # pictures of a whole epoch
ROUNDS, STEPS = 3, 4  # in which the rates are measured


def main() -> None:
    options = _arguments()
    dataset = drain(load_dataset(f"folder:{options.folder.resolve()}", options.data_dir))
    known = _Results(options.results)
    unmeasured = [name for name in options.networks if not known.rates(name)]
    loops = {name: our_loop(planned(name, 60, 1000.0), dataset) for name in unmeasured}
    for name, rates in images_per_s(loops, ROUNDS, STEPS).items():
        known.add(network=name, rates=rates)
    for minutes in options.minutes:
        for name in options.networks:
            if not known.trained(name, minutes):
                config = planned(name, minutes, statistics.median(known.rates(name)))
                known.add(network=name, minutes=minutes, **_train(config, dataset))
    publish(_table(known, options.networks, options.minutes), options.write)


def planned(network: str, minutes: float, images_per_s: float) -> TrainConfig:
    """Whole epochs that fill the minutes: of all pictures, or of as many as that leaves time for."""
    arch, stem = network.split("/")
    budget = 60 * minutes * images_per_s
    epochs = math.ceil(budget / (TRAINED + EVALUATED / FORWARD_AND_BACKWARD))
    config = preset_config("fast", arch=arch, stem=stem, epochs=epochs)
    trained = round(budget / epochs - EVALUATED / FORWARD_AND_BACKWARD)
    return replace(config, train_images=trained + config.validation_images)


def _train(config: TrainConfig, dataset: Dataset) -> dict[str, float]:
    start, ended = time.perf_counter(), None
    for event in Trainer(config, dataset, choose_device("cpu")).run():
        if isinstance(event, events.EpochEnded):
            ended = event
            print(f"{config.arch}/{config.stem}: epoch {event.epoch} of {config.epochs}, {event.test_accuracy:.3f}")
    return {
        "epochs": config.epochs,
        "pictures": ended.images_seen,
        "test_accuracy": ended.test_accuracy,
        "held_out_accuracy": ended.validation_accuracy,
        "seconds": round(time.perf_counter() - start),
    }


class _Results:
    """What has been measured so far, line by line in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def add(self, **line) -> None:
        self._lines.append(line)
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def rates(self, network: str) -> list[float]:
        return next((line["rates"] for line in self._lines if line["network"] == network and "rates" in line), [])

    def trained(self, network: str, minutes: float) -> dict | None:
        return next((li for li in self._lines if li["network"] == network and li.get("minutes") == minutes), None)


def _table(known: _Results, networks: list[str], minutes: list[float]) -> list[str]:
    lines = [
        f"{machine_line()}; rates are medians of {ROUNDS} rounds of {STEPS} steps in alternation (lowest–highest).",
        "",
        "| network | images/s | " + " | ".join(f"test accuracy of {m:g} minutes (epochs)" for m in minutes) + " |",
        "|---|---|" + "---|" * len(minutes),
    ]
    for name in networks:
        arch, stem = name.split("/")
        ends = [known.trained(name, m) for m in minutes]
        cells = [f"{100 * end['test_accuracy']:.1f} % ({end['epochs']})" for end in ends]
        label = f"{ARCHITECTURES[arch].label}, stem {stem}"
        lines.append(f"| {label} | {spread(known.rates(name))} | {' | '.join(cells)} |")
    return lines


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=Path, required=True, metavar="FILE", help="where every figure is kept")
    parser.add_argument("--minutes", type=float, nargs="+", default=[30.0, 60.0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS, metavar="ARCH/STEM")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where the decoded pictures are kept")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table to this file, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()

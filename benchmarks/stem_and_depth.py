"""Which stem and depth learn most in so many minutes on this machine?

    python -m benchmarks.stem_and_depth FOLDER --results DIR [--minutes 30 60] [--networks resnet18/cifar …]

FOLDER is CIFAR-10 as an image folder. First the networks' images/s are measured in alternation. Then each trains by the
`fast` recipe, seed 0, on as many images as it would get through in the minutes, evaluations at their share: so the
clock counts images, and what else the machine does meanwhile changes no result. That takes hours, and can be stopped
and called again: each training is a run in DIR (`python app.py --runs DIR` shows them) and goes on where it was, and a
rate that stands in DIR/rates.jsonl is not measured again.
"""

import argparse
import json
import math
import statistics
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.machine import machine_line, publish, spread
from benchmarks.throughput import images_per_s, our_loop
from resnet_demo.cli.train import train_in_foreground
from resnet_demo.data.sources import drain, load_dataset
from resnet_demo.models.catalog import ARCHITECTURES, STEMS
from resnet_demo.runs.config import TrainConfig, preset_config
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.store import RunStore
from resnet_demo.workers.estimate import FORWARD_AND_BACKWARD

NETWORKS = [f"{arch}/{stem}" for arch in ("resnet18", "resnet34", "resnet50") for stem in STEMS]
TRAINED, EVALUATED = 48_000, 12_000  # images of a whole epoch
ROUNDS, STEPS = 3, 4  # in which the rates are measured


def main() -> None:
    options = _arguments()
    options.results.mkdir(parents=True, exist_ok=True)
    rates = _measured_rates(options)
    for minutes in options.minutes:
        for name in options.networks:
            run = _run_of(options.results, name, minutes)
            if not run.exists():
                config = planned(name, minutes, statistics.median(rates[name]))
                config = replace(config, data=f"folder:{options.folder.resolve()}", device="cpu")
                RunStore(options.results).create(config, name=run.id)
            if status := train_in_foreground(run, options.data_dir, json=False):
                sys.exit(status)
    publish(_table(rates, options), options.write)


def planned(network: str, minutes: float, images_per_s: float) -> TrainConfig:
    """Whole epochs that fill the minutes: of all images, or of as many as that leaves time for."""
    arch, stem = network.split("/")
    budget = 60 * minutes * images_per_s
    epochs = math.ceil(budget / (TRAINED + EVALUATED / FORWARD_AND_BACKWARD))
    config = preset_config("fast", arch=arch, stem=stem, epochs=epochs)
    trained = round(budget / epochs - EVALUATED / FORWARD_AND_BACKWARD)
    return replace(config, train_images=trained + config.validation_images)


def _measured_rates(options: argparse.Namespace) -> dict[str, list[float]]:
    """images/s of each network in each round; those that no earlier call has measured are measured together."""
    path = options.results / "rates.jsonl"
    kept = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    rates = {line["network"]: line["images_per_s"] for line in kept}
    if missing := [name for name in options.networks if name not in rates]:
        dataset = drain(load_dataset(f"folder:{options.folder.resolve()}", options.data_dir))
        loops = {name: our_loop(planned(name, 60, 1000.0), dataset) for name in missing}
        rates |= images_per_s(loops, ROUNDS, STEPS)
        with path.open("a") as file:
            file.writelines(json.dumps({"network": name, "images_per_s": rates[name]}) + "\n" for name in missing)
    return rates


def _run_of(results: Path, network: str, minutes: float) -> RunDirectory:
    return RunDirectory(results.resolve() / f"{network.replace('/', '-')}-{minutes:g}-minutes")


def _table(rates: dict[str, list[float]], options: argparse.Namespace) -> list[str]:
    lines = [
        f"{machine_line()}; rates are medians of {ROUNDS} rounds of {STEPS} steps in alternation (lowest–highest).",
        "",
        "| network | images/s | "
        + " | ".join(f"test accuracy of {m:g} minutes (epochs)" for m in options.minutes)
        + " |",
        "|---|---|" + "---|" * len(options.minutes),
    ]
    for name in options.networks:
        arch, stem = name.split("/")
        ends = [_run_of(options.results, name, minutes).view().epochs[-1] for minutes in options.minutes]
        cells = [f"{100 * end.test_accuracy:.1f} % ({end.epoch})" for end in ends]
        lines.append(f"| {ARCHITECTURES[arch].label}, stem {stem} | {spread(rates[name])} | {' | '.join(cells)} |")
    return lines


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--results", type=Path, required=True, metavar="DIR", help="where rates and runs are kept")
    parser.add_argument("--minutes", type=float, nargs="+", default=[30.0, 60.0])
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS, metavar="ARCH/STEM")
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where the decoded images are kept")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table to this file, too")
    return parser.parse_args()


if __name__ == "__main__":
    main()

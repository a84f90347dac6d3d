"""Does a deeper plain network learn its own training images worse, and a deeper residual one not?

    python -m benchmarks.degradation DATA --results DIR [--depths 18 34] [--seeds 0 1 2] [--write FILE] [--plot PNG]

DATA is `digits`, `cifar10` or `folder:PATH`. The paper's experiment (arXiv:1512.03385, figures 4 and 6) at a size that
two cores get through in an hour: few images, few epochs, no augmentation, the paper's recipe otherwise; the networks of
18 and 34 layers with the imagenet stem, which at 32 pixels is the cheapest for its depth. Every training is a run in
DIR (`python app.py --runs DIR` shows them), and a command that is called again goes on where it was. The training error
is that of the last epoch, as it was counted while it trained. Where the seeds do not agree, the report says so.
"""

import argparse
import statistics
import sys
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from benchmarks.machine import machine_line, publish
from resnet_demo.cli.train import train_in_foreground
from resnet_demo.models.catalog import ARCHITECTURES
from resnet_demo.runs.config import TrainConfig, absolute_source, preset_config
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.experiments import SMALL
from resnet_demo.runs.fold import RunView
from resnet_demo.runs.store import RunStore

KINDS = ("plain", "resnet")
SHALLOW, DEEP = "#00806c", "#93399c"


def main() -> None:
    options = _arguments()
    options.results.mkdir(parents=True, exist_ok=True)
    pairs = [tuple(f"{kind}{depth}" for depth in options.depths) for kind in KINDS]
    networks = [arch for pair in pairs for arch in pair]
    for seed in options.seeds:
        for arch in networks:
            run = _run_of(options.results, arch, seed)
            if not run.exists():
                RunStore(options.results).create(planned(arch, seed, options), name=run.id)
            if run.view().ended is None and (status := train_in_foreground(run, options.data_dir, json=False)):
                sys.exit(status)
    views = {
        (arch, seed): _run_of(options.results, arch, seed).whole_view() for arch in networks for seed in options.seeds
    }
    publish(report(views, pairs, options.seeds), options.write)
    if options.plot:
        draw(views, pairs, options.seeds).savefig(options.plot)


def planned(arch: str, seed: int, options: argparse.Namespace) -> TrainConfig:
    """As the page's small experiment, with what is asked for otherwise."""
    recipe = {
        **SMALL,
        "data": absolute_source(options.data),
        "arch": arch,
        "seed": seed,
        "epochs": options.epochs,
        "train_images": options.images,
        "test_images": options.test_images,
        "batch_size": options.batch_size,
        "learning_rate": options.learning_rate,
        "device": "cpu",
        "precision": "float32",
        "log_every_steps": max(1, options.images // options.batch_size),  # a point for each epoch
    }
    return preset_config("paper", **recipe)


def _run_of(results: Path, arch: str, seed: int) -> RunDirectory:
    return RunDirectory(results.resolve() / f"{arch}-seed-{seed}")


def training_errors(view: RunView) -> list[float]:
    """0..1 for each epoch: its one logged point is the mean over its images as they were learned."""
    return [1 - point.train_accuracy for point in view.metrics]


def report(views: dict[tuple[str, int], RunView], pairs: list[tuple[str, ...]], seeds: list[int]) -> list[str]:
    """A table and, for each pair, what the seeds say of depth."""
    lines = [
        machine_line(),
        "",
        "| network | training error, last epoch, by seed | test error by seed |",
        "|---|---|---|",
    ]
    last = {key: training_errors(view)[-1] for key, view in views.items()}
    for arch in (arch for pair in pairs for arch in pair):
        trained = ", ".join(f"{100 * last[arch, seed]:.1f} %" for seed in seeds)
        tested = ", ".join(f"{100 * (1 - views[arch, seed].test_accuracy):.1f} %" for seed in seeds)
        lines.append(f"| {ARCHITECTURES[arch].label} | {trained} | {tested} |")
    return [*lines, "", *(verdict(last, shallow, deep, seeds) for shallow, deep in pairs)]


def verdict(last: dict[tuple[str, int], float], shallow: str, deep: str, seeds: list[int]) -> str:
    """Whether the deeper network's training error lies above the shallower one's, for how many seeds, by how much."""
    gaps = [last[deep, seed] - last[shallow, seed] for seed in seeds]
    higher, middle = sum(gap > 0 for gap in gaps), 100 * statistics.mean(gaps)
    names = ARCHITECTURES[deep].label, ARCHITECTURES[shallow].label
    return (
        f"{names[0]}'s training error lies above {names[1]}'s for {higher} of {len(seeds)} seeds; the mean difference "
        f"is {middle:+.1f} percentage points."
    )


def draw(views: dict[tuple[str, int], RunView], pairs: list[tuple[str, ...]], seeds: list[int]) -> Figure:
    """As figure 6 of the paper: plain on the left, residual on the right; each seed faint, their mean bold."""
    figure = Figure(figsize=(9, 3.8), layout="constrained", dpi=110)
    for axes, pair, title in zip(
        figure.subplots(1, 2, sharey=True), pairs, ("plain networks", "residual networks"), strict=True
    ):
        for arch, colour in zip(pair, (SHALLOW, DEEP), strict=True):
            _draw_errors(axes, arch, colour, [training_errors(views[arch, seed]) for seed in seeds])
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(axis="y", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.legend(frameon=False)
    figure.axes[0].set_ylabel("training error")
    return figure


def _draw_errors(axes: Axes, arch: str, colour: str, errors: list[list[float]]) -> None:
    epochs = range(1, len(errors[0]) + 1)
    for one in errors:
        axes.plot(epochs, one, color=colour, alpha=0.3, linewidth=1)
    means = [statistics.mean(values) for values in zip(*errors, strict=True)]
    axes.plot(epochs, means, color=colour, linewidth=2.5, label=ARCHITECTURES[arch].label)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data")
    parser.add_argument("--results", type=Path, required=True, metavar="DIR", help="where the runs are kept")
    parser.add_argument("--depths", type=int, nargs=2, default=[18, 34], metavar=("SHALLOW", "DEEP"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--images", type=int, default=256, help="training images")
    parser.add_argument("--test-images", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=0.05)
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="where the decoded images are kept")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the report to this file, too")
    parser.add_argument("--plot", type=Path, metavar="PNG")
    return parser.parse_args()


if __name__ == "__main__":
    main()

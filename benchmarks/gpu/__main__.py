"""The command: see `python -m benchmarks.gpu --help`."""

import argparse
import importlib.util
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

NEEDED = {  # by the name that it is imported by
    "torch": "torch>=2.10",
    "torchvision": "torchvision",
    "numpy": "numpy",
    "PIL": "pillow",
    "safetensors": "safetensors",
    "filelock": "filelock",
    "psutil": "psutil",
    "sklearn": "scikit-learn",
}
PACKING_S = 12.0  # at the end, for what comes back
LEAST_S = 10.0  # a part is not begun with less: it would be ended while torch is imported


@dataclass(frozen=True)
class Part:
    """Of the minutes each has a share in proportion to `share_s`; what earlier parts leave is shared among the later
    ones, up to `most_s`. What later parts cannot do without may take `most_s` at once."""

    share_s: float
    most_s: float
    is_needed: bool = False


PARTS = {
    "smoke": Part(100, 100),
    "data": Part(25, 90, is_needed=True),
    "correct": Part(85, 200),
    "speed": Part(140, 420),  # so that a compiled step is measured, too
    "kernels": Part(25, 240),
    "minute": Part(95, 110),  # two starts of PyTorch and CUDA, a minute, and a save
    "accurate": Part(205, 420),
    "small": Part(0, 1200),
}
NEED_DATA = ("speed", "minute", "accurate", "small")


def main(arguments: list[str] | None = None) -> int:
    begun = time.time()  # importing torch and starting CUDA are of the minutes, too
    options = _parser().parse_args(arguments)
    if missing := [package for name, package in NEEDED.items() if importlib.util.find_spec(name) is None]:
        print(f"These packages are missing: {' '.join(missing)}. Install them and start again.", file=sys.stderr)
        return 2
    if problem := _unusable(options):
        print(problem, file=sys.stderr)
        return 2
    options.output.mkdir(parents=True, exist_ok=True)
    options.work.mkdir(parents=True, exist_ok=True)
    return _run(options, begun + 60 * options.minutes - PACKING_S * (not options.tiny))


def _unusable(options: argparse.Namespace) -> str:
    import torch

    if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 10):
        return f"PyTorch {torch.__version__} is too old: it takes 2.10 or newer."
    if options.device == "cuda" and not torch.cuda.is_available():
        return "PyTorch finds no CUDA device here. A rehearsal on the CPU: --device cpu --tiny."
    if not options.data.exists():
        return f"There is no {options.data}. DATA is CIFAR-10 as an image folder, or an archive of one."
    return ""


def _run(options: argparse.Namespace, end: float) -> int:
    """`end` is when all parts are to have ended, in Unix seconds."""
    from benchmarks.gpu import packing, setting, supervision

    named = [name for name in PARTS if name in options.parts]
    if set(named) & set(NEED_DATA):
        named = [name for name in PARTS if name in (*named, "data")]
    failed = []
    for place, name in enumerate(named):
        setting.begin(options.work, name)
        remaining_s = end - time.time()
        until = time.time() + (remaining_s if options.tiny else _limit(named[place:], remaining_s))
        told = setting.Setting(name, options.device, options.tiny, options.data, options.work, until)
        if told.remaining_s < LEAST_S:
            told.note(f"\nPart `{name}` was not begun: no time was left.\n")
            continue
        begun = time.time()

        def show() -> None:
            packing.write_tables(options.output, setting.tables(options.work, list(PARTS)))

        if problem := supervision.run_part(told, show):
            failed.append(name)
            told.note(f"\n{problem}\n")
        told.note(f"Part `{name}` took {time.time() - begun:.1f} s of {until - begun:.0f} s.\n")
        left_out = packing.pack(options.work, options.output)
        show()
        print(*left_out, sep="\n", end="\n" * bool(left_out))
        if problem and PARTS[name].is_needed:
            told.note("Without the images nothing more can be done.\n")
            break
    print(setting.tables(options.work, named))
    print(f"In {options.output}: {', '.join(sorted(path.name for path in options.output.iterdir()))}")
    return 1 if failed else 0


def _limit(waiting: list[str], remaining_s: float) -> float:
    """Seconds for the first of the parts that are left: its share of what is left, the rest to the last."""
    part, shares = PARTS[waiting[0]], sum(PARTS[name].share_s for name in waiting)
    if part.is_needed:
        return max(0.0, min(part.most_s, remaining_s))
    share = part.share_s / shares if shares else 1 / len(waiting)
    return max(0.0, min(part.most_s, remaining_s * share))


def _parser() -> argparse.ArgumentParser:
    import benchmarks.gpu

    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=benchmarks.gpu.__doc__)
    parser.add_argument("data", type=Path, metavar="DATA", help="CIFAR-10 as an image folder, or a tar archive of it")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where tables, log and weights go")
    parser.add_argument("--minutes", type=float, default=9.2, help="for all parts together (default 9.2)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="default: all, in this order")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small networks and few images: a rehearsal")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path(tempfile.gettempdir()) / "resnet_demo-gpu",
        metavar="DIR",
        help="a scratch folder; kept, so that a second call need not decode again",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

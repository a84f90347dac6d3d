"""The process of one part: `python -m benchmarks.gpu.part NAME …`, as the command starts it."""

import argparse
import importlib
from pathlib import Path

from benchmarks.gpu.setting import Setting, python_module


def command(setting: Setting) -> list[str]:
    """What starts the part's process."""
    places = ["--data", setting.data, "--work", setting.work, "--until", setting.until, "--device", setting.device]
    return python_module("benchmarks.gpu.part", setting.part, *places, *["--tiny"] * setting.tiny)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--until", type=float, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--tiny", action="store_true")
    setting = Setting(**vars(parser.parse_args()))
    setting.runs.mkdir(parents=True, exist_ok=True)
    importlib.import_module(f"benchmarks.gpu.{setting.part}").run(setting)


if __name__ == "__main__":
    main()

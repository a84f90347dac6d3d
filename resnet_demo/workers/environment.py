"""What a run ran with, kept in its config.json: it takes the same to get the same numbers again."""

import functools
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import resnet_demo
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.training.device import find_device


def as_before(run: RunDirectory, config: TrainConfig, state: dict[str, Any] | None, processes: int) -> TrainConfig:
    """The config by which the machine is set up: `config` with the threads and the precision that the run had so far,
    since its sums depend on them. What `state` says counts: a digest proves it. Raises ConfigError or DeviceError."""
    earlier = (state or {}).get("machine") or run.environment()
    changes = {}
    if "threads" in earlier and earlier.get("processes", 1) == processes:  # else the sums are others anyway
        changes["threads"] = earlier["threads"]
    if "precision" in earlier and earlier.get("kind") == find_device(config.device):
        changes["precision"] = earlier["precision"]
    return replace(config, **changes)


def record_environment(run: RunDirectory, config: TrainConfig, facts: dict[str, Any]) -> None:
    """Write into config.json what the run's first start ran with, `DeviceChoice.facts`."""
    if not run.environment():
        run.write_config(config, **facts, resnet_demo=resnet_demo.__version__, git_commit=git_commit())


@functools.cache
def git_commit() -> str | None:
    """The commit of this source tree; None where it is no git checkout, or git is absent. A repository that does not
    hold this file is somebody else's: the package is installed inside it."""
    here = Path(resnet_demo.__file__).parent
    for arguments in (["ls-files", "--error-unmatch", "__init__.py"], ["rev-parse", "HEAD"]):
        try:
            done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode:
            return None
    return done.stdout.strip() or None

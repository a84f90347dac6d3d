"""What a run ran with, kept in its config.json: it takes the same to get the same numbers again."""

import subprocess
from pathlib import Path

import torch

import resnet_demo
from resnet_demo.runs.config import TrainConfig
from resnet_demo.runs.directory import RunDirectory


def earlier_threads(run: RunDirectory, processes: int) -> int | None:
    """How many threads the run's first start had, where it had as many processes: else its sums are others anyway."""
    environment = run.environment()
    return environment.get("threads") if environment.get("processes", 1) == processes else None


def record_environment(run: RunDirectory, config: TrainConfig, device: str, processes: int) -> None:
    """Write into config.json what the run's first start ran with."""
    if run.environment():
        return
    run.write_config(
        config,
        device=device,
        processes=processes,
        threads=torch.get_num_threads(),
        resnet_demo=resnet_demo.__version__,
        torch=torch.__version__,
        git_commit=git_commit(),
    )


def git_commit() -> str | None:
    """The commit of this source tree; None where it is no git checkout or git is absent."""
    here = Path(resnet_demo.__file__).parent
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None

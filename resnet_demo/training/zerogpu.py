"""Where training can run. Imports no torch: the page asks before it is painted."""

import os
from collections.abc import Mapping


def is_zerogpu(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this is a Space on ZeroGPU, by what the platform's own package reads. There a GPU is lent for seconds at
    a time, in processes of its own, and in this one PyTorch says that CUDA is available while it is not."""
    return environment.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")

"""What an error means for the person who started a run."""

import os
from pathlib import Path

from resnet_demo.errors import UserError, disk_advice, lacks_memory, missing_package
from resnet_demo.runs.directory import RunDirectory


def failure_sentence(error: Exception, is_loading: bool = False) -> str | None:
    """What happened and what to do, for the person who started the run; None for what nobody has foreseen. `is_loading`
    says that it happened before the first batch was made."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, ImportError) and (sentence := missing_package(error)):  # it may be torch itself
        return sentence
    if lacks_memory(error) and is_loading:
        return (
            "The memory is not enough for the images and the network. Close other programs, or choose data with fewer "
            "images or a smaller network."
        )
    if lacks_memory(error):
        return "The memory is not enough for this batch. Choose a smaller batch size, or a stem that shrinks more."
    if "unable to find an engine" in str(error):  # cuDNN, which passes over what it has no memory for
        return (
            "cuDNN found no way to compute a convolution, most often because the GPU's memory is full. Choose a "
            "smaller batch size, or end what else runs on the GPU."
        )
    if "deterministic" in str(error):  # PyTorch refuses, and names the operation
        why = str(error).partition(".")[0]
        return f"PyTorch has no deterministic kernel here ({why}). Turn Deterministic off in a new run."
    if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        why = str(error).partition("\n")[0]
        return (
            f"PyTorch could not compile the network ({why}). Turn Compile off in a new run, or install a C++ compiler."
        )
    return None


def disk_sentence(run: RunDirectory, error: OSError) -> str:
    """The same for a file that could not be read or written: named without its folder, which a visitor is not shown."""
    if not run.path.exists():
        return "The run's folder was deleted while it trained, so nothing of it is left. Start a new run."
    name = f"'{Path(os.fsdecode(error.filename)).name}'" if isinstance(error.filename, str | bytes) else "A file"
    what = error.strerror or str(error)
    return f"{name} could not be read or written ({what}). {disk_advice(error)}, then resume."

"""Weights of a safetensors file that was made elsewhere, by torchvision's names, which timm uses as well."""

from pathlib import Path

from torch import Tensor

from resnet_demo.models.catalog import STEMS
from resnet_demo.models.checkpoint_info import open_checkpoint
from resnet_demo.models.resnet import ResNet
from resnet_demo.training.errors import TrainingError

PREFIXES = ("module.", "_orig_mod.")  # what DistributedDataParallel and torch.compile put before each name
MAY_BE_MISSING = ("fc.",)  # a network that gives features has no classifier
UNKNOWN_IMAGES = (
    "The weights it starts from are a file's that does not say on which images it was trained. Where test or held-out "
    "images were among them, the accuracy may flatter."
)


def is_ours(path: Path) -> bool:
    """Whether it is a checkpoint of ours, which says more of itself. Raises CheckpointError where it is no safetensors
    file."""
    with open_checkpoint(path, "pt") as file:
        return (file.metadata() or {}).get("format", "").startswith("resnet_demo-")


def read_outside_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name, without PREFIXES, on the CPU. Raises CheckpointError; nothing is unpickled."""
    with open_checkpoint(path, "pt") as file:
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    while weights and (prefix := next((p for p in PREFIXES if all(n.startswith(p) for n in weights)), None)):
        weights = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
    return weights


def stem_of(weights: dict[str, Tensor], wanted: str) -> str:
    """The stem that the weights have: `wanted`, or the first other one whose kernel is of that size. Two stems are told
    apart by their stride alone, of which weights say nothing."""
    first = weights.get("conv1.weight")
    size = first.shape[-1] if first is not None and first.ndim == 4 else 0
    return next((name for name in (wanted, *STEMS) if STEMS[name].kernel_size == size), "of another network")


def refuse_another_network(weights: dict[str, Tensor], model: ResNet) -> None:
    """Raises TrainingError where the weights lack a part: a deeper network would begin half random. Counters of
    batches may be missing, too."""
    for name in model.state_dict():
        if name not in weights and not name.startswith(MAY_BE_MISSING) and not name.endswith("num_batches_tracked"):
            spec = model.spec
            raise TrainingError(
                f"The weights to start from are no {spec.arch}'s with the shortcuts {spec.shortcut}: they have no "
                f"'{name}'. Choose the network that they are of."
            )

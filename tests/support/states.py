"""Whether two states of a training are the same."""

from collections.abc import Iterator

import torch


def assert_equal_states(ours: dict, theirs: dict) -> None:
    """Bit for bit, but for the time that was worked."""
    different = [place for place in differences(ours, theirs) if not place.startswith("state.elapsed_s:")]
    assert different == []


def differences(ours, theirs, name: str = "state") -> Iterator[str]:
    """Where two states are not the same, bit for bit."""
    if type(ours) is not type(theirs):
        yield f"{name}: {type(ours)} and {type(theirs)}"
    elif isinstance(ours, dict):
        for key in ours.keys() | theirs.keys():
            if key in ours and key in theirs:
                yield from differences(ours[key], theirs[key], f"{name}.{key}")
            else:
                yield f"{name}.{key} is in one only"
    elif isinstance(ours, torch.Tensor):
        if not torch.equal(ours, theirs):
            yield name
    elif ours != theirs:
        yield f"{name}: {ours} and {theirs}"

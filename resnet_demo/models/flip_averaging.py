"""Answering by an image and its mirror image: what it means, for all that answer."""

from collections.abc import Callable

from torch import Tensor


def answer_logits(network: Callable[[Tensor], Tensor], images: Tensor, logits: Tensor, flip_averaging: bool) -> Tensor:
    """What is answered by, (N, classes), of images (N, C, H, W) and the logits that the network gave them: these, or
    with flip averaging their mean with the mirror images'."""
    return (logits + network(images.flip(-1))) / 2 if flip_averaging else logits

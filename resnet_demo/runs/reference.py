"""The source article's result, to which a run on CIFAR-10 is compared."""

from resnet_demo.data.known import CIFAR10
from resnet_demo.language import t
from resnet_demo.runs.fold import RunView

ARTICLE_ACCURACY = 0.7841  # test accuracy on CIFAR-10 that the source article reports after 100 epochs


def is_cifar10(view: RunView) -> bool:
    """Whether the run learns CIFAR-10's classes, from whatever files."""
    return view.started is not None and set(view.started.classes) == set(CIFAR10.classes)


def article_reference() -> tuple[float, str]:
    """Where the article's result stands in a plot of accuracy, and what is written at it."""
    return ARTICLE_ACCURACY, t(
        "the article, {accuracy} after {epochs} epochs", accuracy=f"{100 * ARTICLE_ACCURACY:.2f} %", epochs=100
    )

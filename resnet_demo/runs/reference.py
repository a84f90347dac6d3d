"""The source article's result, to which a run on CIFAR-10 is compared."""

from resnet_demo.data.known import CIFAR10
from resnet_demo.language import t
from resnet_demo.runs.fold import RunView

ARTICLE_ACCURACY = 0.7841  # test accuracy on CIFAR-10 that the source article reports after 100 epochs


def is_cifar10(view: RunView) -> bool:
    """Whether the run learns CIFAR-10's classes, from whatever files."""
    return view.started is not None and set(view.started.classes) == set(CIFAR10.classes)


def article_reference(error: bool = False) -> tuple[float, str]:
    """Where the article's result stands in a plot of accuracy or of the error, and what is written at it."""
    share = 1 - ARTICLE_ACCURACY if error else ARTICLE_ACCURACY
    return share, t("the article, {accuracy} after {epochs} epochs", accuracy=f"{100 * share:.2f} %", epochs=100)

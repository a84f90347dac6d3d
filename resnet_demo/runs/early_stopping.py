"""When a run ends before its last epoch: by the accuracy on its held-out images alone. Imports no torch."""

import re
from collections.abc import Sequence

from resnet_demo.language import t
from resnet_demo.text import percent, plural

STOPPED_EARLY = (
    "Stopped early: no gain in held-out accuracy for {epochs}. The best was {accuracy} after epoch {epoch}, whose "
    "weights are kept."
)
_WRITTEN = re.compile(
    r"Stopped early: no gain in held-out accuracy for ([\d,]+) epochs?\. The best was ([\d.]+ %) after epoch (\d+), "
    r"whose weights are kept\."
)


def reason_to_stop(accuracies: Sequence[float | None], patience: int) -> str:
    """Why a run ends that has reached these held-out accuracies, epoch by epoch; '' where it goes on, as it always does
    with a patience of 0. Only a higher accuracy than all before is a gain."""
    reached = [accuracy for accuracy in accuracies if accuracy is not None]
    if not patience or len(reached) <= patience:
        return ""
    best = reached.index(max(reached))
    if len(reached) - 1 - best < patience:
        return ""
    epochs, accuracy = plural(patience, "epoch"), percent(reached[best])
    return t(STOPPED_EARLY, epochs=epochs, accuracy=accuracy, epoch=best + 1)


def ending_text(message: str) -> str:
    """Why a run has ended, in the language of who reads it: a log is in English."""
    if written := _WRITTEN.fullmatch(message):
        epochs = plural(int(written[1].replace(",", "")), "epoch")
        return t(STOPPED_EARLY, epochs=epochs, accuracy=written[2], epoch=written[3])
    return t(message)

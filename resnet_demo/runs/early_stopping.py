"""When a run ends before its last epoch: by the accuracy on its held-out images alone. Imports no torch."""

from collections.abc import Sequence

from resnet_demo.text import percent, plural


def reason_to_stop(accuracies: Sequence[float | None], patience: int) -> str:
    """Why a run ends that has reached these held-out accuracies, epoch by epoch; '' where it goes on, as it always does
    with a patience of 0. Only a higher accuracy than all before is a gain."""
    reached = [accuracy for accuracy in accuracies if accuracy is not None]
    if not patience or len(reached) <= patience:
        return ""
    best = reached.index(max(reached))
    if len(reached) - 1 - best < patience:
        return ""
    return (
        f"Stopped early: no gain in held-out accuracy for {plural(patience, 'epoch')}. The best was "
        f"{percent(reached[best])} after epoch {best + 1}, whose weights are kept."
    )

"""Why training cannot go on: sentences for people."""

from resnet_demo.errors import UserError


class TrainingError(UserError):
    """Training cannot go on."""


class BatchTooSmall(TrainingError):
    """So many processes cannot share a batch: nor can they the next time, since a run keeps its settings."""

    comes_again = True


class Diverged(TrainingError):
    """The numbers are no numbers any more: whoever trains on from the last save comes to the same."""

    comes_again = True

    def __init__(self, what: str, step: int) -> None:
        super().__init__(f"{what} (step {step}). Lower the learning rate and start again.")

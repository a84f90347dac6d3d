"""Which files of a run are to be kept where the run goes elsewhere: what a living worker needs stays behind."""

from pathlib import Path

from resnet_demo.runs import evaluation, example_predictions
from resnet_demo.runs.directory import RunDirectory
from resnet_demo.runs.measured import BlockAblation, LossLandscape

# In the order in which they are copied: the log, which says what has been saved, comes last.
FILES = (
    "config.json", "order.json", "title.json", "pinned.png", "resume.pt", "model.safetensors", evaluation.FILE_NAME,
    BlockAblation.FILE_NAME, LossLandscape.FILE_NAME, example_predictions.FILE_NAME, "events.jsonl",
)  # fmt: skip


def lasting_files(run: RunDirectory) -> list[Path]:
    """Those that are there, without locks, requests, progress and the worker's own log."""
    epochs = [run.epoch_path(epoch) for epoch in run.saved_epochs()]
    is_saved = run.state_path.exists() or run.model_path.exists()
    first = [] if is_saved else [run.first_weights_path]  # large, and never read again once anything is saved
    return [path for path in (*first, *epochs, *(run.path / name for name in FILES)) if path.is_file()]

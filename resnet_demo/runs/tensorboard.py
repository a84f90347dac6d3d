"""A run's curves as TensorBoard's event files, written from its log: finished, or growing. Imports no torch, and the
optional `tensorboard` only where a file is written."""

from itertools import takewhile
from pathlib import Path

from resnet_demo.runs.directory import RunError
from resnet_demo.runs.fold import RunView
from resnet_demo.runs.points import Point, points

SUFFIX = ".resnet_demo"  # ends the names of our event files: others in the folder are left alone
_PARTS = ("train", "test", "validation")


class EventFile:
    """One run's event file in a folder; a context manager. Raises RunError where tensorboard is not installed.

    TensorBoard keeps a file open and reads on, so a file is only ever added to.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter
        except ImportError as error:
            raise RunError("TensorBoard's files need one more package: pip install tensorboard") from error
        folder.mkdir(parents=True, exist_ok=True)
        for older in folder.glob(f"events.out.tfevents.*{SUFFIX}"):
            older.unlink()
        self._file = EventFileWriter(str(folder), filename_suffix=SUFFIX)
        self._written: list[Point] = []

    def write(self, view: RunView) -> int:
        """Add what is new; returns how many points. What a resumed run has dropped is declared void first."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary

        now = points(view)
        kept = _common_start(self._written, now)
        if kept < len(self._written):  # readers drop everything from this step on
            step = min(point.step for point in (*self._written[kept : kept + 1], *now[kept : kept + 1]))
            kept = sum(point.step < step for point in now)
            void = Event(wall_time=self._written[-1].time, step=step)
            void.session_log.status = SessionLog.START
            self._file.add_event(void)
        for point in now[kept:]:
            value = Summary.Value(tag=tag(point.series), simple_value=point.value)
            self._file.add_event(Event(wall_time=point.time, step=point.step, summary=Summary(value=[value])))
        self._file.flush()
        self._written = now
        return len(now) - kept

    def __enter__(self) -> "EventFile":
        return self

    def __exit__(self, *_) -> None:
        self._file.close()


def tag(series: str) -> str:
    """'train_loss' -> 'loss/train': TensorBoard draws what shares its first part side by side."""
    part, _, measure = series.partition("_")
    return f"{measure}/{part}" if part in _PARTS else series


def _common_start(before: list[Point], after: list[Point]) -> int:
    """How many points from the start are the same in both."""
    pairs = zip(before, after, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

"""The line that is overwritten: it fits the terminal, sends no escapes, and is nowhere but on a terminal."""

import fcntl
import os
import struct
import sys
import termios
from contextlib import suppress

import pytest

from resnet_demo.cli.progress_line import ProgressLine
from resnet_demo.data.dataset import LoadProgress
from resnet_demo.runs import events
from resnet_demo.runs.worker_files import Progress
from tests.runs.test_points import metric

STEP = events.StepEnded(
    time=1.0, epoch=1, step=120, images_seen=15_360, elapsed_s=9.0, phase="training", done=120, total=351
)


@pytest.fixture
def terminal(monkeypatch):
    """`terminal(columns)` makes stderr a terminal of that width, and returns a function that hangs up and gives what
    was sent."""
    opened = []

    def make(columns: int):
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        stream = os.fdopen(theirs, "w")
        monkeypatch.setattr(sys, "stderr", stream)
        opened.append(ours)

        def sent() -> str:
            stream.close()
            data = b""
            with suppress(OSError):  # a terminal's end
                while more := os.read(ours, 65_536):
                    data += more
            return data.decode()

        return sent

    yield make
    for ours in opened:
        os.close(ours)


@pytest.mark.parametrize("columns", [8, 40, 57, 80, 200, 0])
def test_every_step_fits_into_the_width(terminal, columns):
    read_sent = terminal(columns)
    with ProgressLine() as line:
        line.show(Progress("starting"))
        line.show(LoadProgress("downloading", 51_000_000, 0))
        line.show(LoadProgress("downloading", 51_000_000, 170_000_000))
        line.show(LoadProgress("decoding", 12_000, 60_000))
        line.show(STEP)
        line.show(metric(120, 1.2345))
        line.show(STEP)
        line.show(Progress("evaluating", 3_000, 10_000, epoch=1, step=351))
    sent = read_sent()
    assert "\x1b" not in sent and "\n" not in sent
    shown = sent.split("\r")
    widths = [len(part) for part in shown]
    assert max(widths) < min(columns or 80, 101)
    assert shown[-2].strip() == "" and len(shown[-2]) >= len(shown[-3].rstrip())  # wiped at the end
    if columns == 80:
        assert shown[3].startswith("[##") and "51 of 170 MB  Downloading" in shown[3]
        assert shown[4].startswith("[##..") and "12,000 of 60,000  Decoding" in shown[4]
        assert shown[6].startswith("epoch 1  [") and "120 of 351  loss 1.234  accuracy 50.0 %" in shown[6]


def test_a_line_that_stays_stands_alone(terminal):
    read_sent = terminal(80)
    with ProgressLine() as line:
        line.show(STEP)
        line.write("epoch 1 ended")
    shown = [part.rstrip(" ") for part in read_sent().split("\r")]
    assert shown[1].startswith("epoch 1  [") and shown[2:] == ["", "epoch 1 ended", "\n", "", ""]


def test_without_a_terminal_there_is_no_line(capsys):
    with ProgressLine() as line:
        line.show(STEP)
        line.write("epoch 1 ended")
    assert capsys.readouterr().err == "epoch 1 ended\n"

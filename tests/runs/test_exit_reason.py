"""What a dead worker has left in worker.log is found, and nothing else is taken for it."""

import pytest

from resnet_demo.runs import events
from resnet_demo.runs.config import preset_config
from resnet_demo.runs.exit_reason import MAX_CHARACTERS, exit_reason, exit_words
from resnet_demo.runs.store import RunStore

PLACE = {"time": 1.0, "epoch": 1, "images_seen": 160, "elapsed_s": 65.0}
BEFORE, LAST = events.CheckpointSaved(**PLACE, step=9), events.CheckpointSaved(**PLACE, step=10)
TORCHRUN = """Traceback (most recent call last):
  File "/opt/torch/run.py", line 1, in <module>
torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
resnet_demo FAILED
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-24_10:15:00
  rank      : 1 (local_rank: 1)
  exitcode  : {exitcode} (pid: 123)
  error_file: <N/A>
  traceback : {traceback}
============================================================
"""


@pytest.fixture
def run(tmp_path):
    return RunStore(tmp_path).create(preset_config("tour"))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("", ""),
        ("Killed\n\n", "Killed"),
        ("Traceback (most recent call last):\n  File 'a.py'\nMemoryError: no\n", "MemoryError: no"),
        (TORCHRUN.format(exitcode=-9, traceback="Signal 9 (SIGKILL) received by PID 123"),
         "Signal 9 (SIGKILL) received by PID 123"),
        (TORCHRUN.format(exitcode=1, traceback="To enable traceback see: https://pytorch.org/"),
         "exitcode  : 1 (pid: 123)"),
        ("a.py:1: UserWarning: slow\n  return slow()\n", ""),
        ('{"event":"Checkpo', ""),
        ('Killed\n{"event":"Checkpo', "Killed"),
        ("\x1b[31mKilled\x07\n", ""),
        ("Killed \x1b[0m\x07\n", "Killed [0m"),
        (f"{'x' * 1000}\n", f"{'x' * (MAX_CHARACTERS - 1)}…"),
    ],
)  # fmt: skip
def test_the_last_line_that_tells_something_is_found(run, said, words):
    run.log_path.write_text(f"{events.to_line(BEFORE)}\nanother death\n{events.to_line(LAST)}\n{said}")
    assert exit_reason(run, LAST) == words


def test_a_worker_that_said_nothing_yet_and_one_that_wrote_no_log_at_all(run):
    assert exit_reason(run, None) == exit_reason(run, LAST) == ""
    run.log_path.write_text("No module named torch\n")
    assert exit_reason(run, None) == "No module named torch"


def test_words_of_before_the_last_event_are_another_deaths(run):
    """After them it went on in a terminal, whose words are in no log."""
    run.log_path.write_text(f"{events.to_line(BEFORE)}\nKilled\n")
    assert exit_reason(run, BEFORE) == "Killed" and exit_reason(run, LAST) == ""


def test_bytes_that_are_no_text_and_a_long_log_are_read_from_its_end(run, monkeypatch):
    with run.log_path.open("wb") as log:
        log.truncate(10_000_000_000)  # takes no space: nobody has written there
        log.seek(0, 2)
        log.write(b"\nDied of \xff\xfe\n")
    assert exit_reason(run, None) == "Died of \ufffd\ufffd"


def test_a_killed_workers_signal_is_named():
    assert exit_words(-9) == "by SIGKILL, as the system does where memory runs out"
    assert exit_words(-99) == "by signal 99"

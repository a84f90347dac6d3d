"""Files that are there whole or not at all; a disk that refuses is named as the system names it, also where a library
writes the file."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from resnet_demo.files import os_error_behind, replace_file
from resnet_demo.models.checkpoint import save_model
from tests.support.checkpoints import INFO, network

SAVE = """
import resource, signal, sys
from pathlib import Path
import torch
from resnet_demo.models.checkpoint import save_model
from resnet_demo.training.resume_state import save_state
from tests.support.checkpoints import INFO, network
model = network()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # as a disk that fills up
for write in (lambda path: save_state(path, {"a": torch.zeros(1_000_000)}), lambda path: save_model(path, model, INFO)):
    try:
        write(Path(sys.argv[1]) / "file")
    except OSError as error:
        print(error.errno, error.strerror, Path(error.filename).name, sep="|")
"""


def test_a_file_that_does_not_fit_is_the_systems_error(tmp_path):
    done = subprocess.run([sys.executable, "-c", SAVE, tmp_path], capture_output=True, text=True, timeout=300)
    expected = f"{errno.EFBIG}|{os.strerror(errno.EFBIG)}|file"
    assert done.stdout.splitlines() == [expected, expected], done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_the_number_in_a_librarys_text_is_read(number):
    found = os_error_behind(RuntimeError(f"I/O error: something (os error {number})"), Path("x"))
    assert (found.errno, found.strerror) == (number, os.strerror(number))


def test_without_a_trace_of_it_it_is_an_error_of_the_disk():
    assert os_error_behind(RuntimeError("iostream error"), Path("x")).errno == errno.EIO


@pytest.fixture(params=[0o022, 0o027, 0o077], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_every_file_may_be_read_by_whom_the_umask_lets(tmp_path, umask):
    """The library makes its files its owner's alone, whatever the umask says."""
    replace_file(tmp_path / "text", lambda path: path.write_text("x"))
    save_model(tmp_path / "model.safetensors", network(), INFO)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"text": 0o666 & ~umask, "model.safetensors": 0o666 & ~umask}

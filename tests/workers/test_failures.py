"""What an error means is said in a sentence that says what to do."""

import errno
import os
import sys

import pytest
import torch

from resnet_demo.data.dataset import STARTING, LoadProgress
from resnet_demo.language import chinese
from resnet_demo.workers.failures import disk_sentence, failure_sentence
from resnet_demo.workers.worker import Worker


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "smaller batch"),
        (torch.OutOfMemoryError("CUDA out of memory"), "smaller batch"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), "smaller batch"),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"), "smaller batch"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "smaller batch"),
    ],
)
def test_too_little_memory_advises_a_smaller_batch(error, words):
    assert words in failure_sentence(error)


@pytest.mark.parametrize("how", ["FIND", "GET"])
def test_memory_that_cudnn_lacks_is_told_as_the_likely_cause(how):
    error = RuntimeError(f"{how} was unable to find an engine to execute this computation after trying 13 plans")
    sentence = failure_sentence(error)
    assert "most often because the GPU's memory is full. Choose a smaller batch size" in sentence
    assert sentence in chinese()


def test_memory_that_ran_out_while_the_images_loaded_is_not_blamed_on_the_batch(run, tmp_path, monkeypatch):
    def load(*_):
        yield LoadProgress(STARTING, 0, 0)
        raise MemoryError

    monkeypatch.setattr("resnet_demo.data.sources.load_dataset", load)
    ended = list(Worker(run, tmp_path).work())[-1]
    assert ended.outcome == "failed" and "not enough for the images" in ended.message
    assert "fewer images" in ended.message and "batch" not in ended.message


def test_a_torch_that_cannot_be_imported_is_a_sentence_without_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError) as caught:
        import torch as gone  # noqa: F401
    assert "pip install -r requirements.txt" in failure_sentence(caught.value)


def test_an_operation_without_a_deterministic_kernel_is_named():
    refused = RuntimeError(
        "grid_sampler_2d_backward_cuda does not have a deterministic implementation, but you set "
        "'torch.use_deterministic_algorithms(True)'. You can turn off determinism just for this operation, or …"
    )
    sentence = failure_sentence(refused)
    assert "grid_sampler_2d_backward_cuda" in sentence and "Turn Deterministic off" in sentence


def test_a_network_that_cannot_be_compiled_advises_to_leave_it():
    def broken(graph, inputs):
        raise OSError("no compiler")

    with pytest.raises(Exception, match="no compiler") as caught:
        torch.compile(lambda x: x + 1, backend=broken)(torch.ones(2))
    assert "Turn Compile off" in failure_sentence(caught.value)


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "(No space left on device). Free disk space, then resume."),
        (errno.EACCES, "(Permission denied). Give yourself read and write permission there, then resume."),
        (errno.EROFS, "(Read-only file system). Make the disk writable, then resume."),
        (errno.EMFILE, "(Too many open files). Allow more open files (ulimit -n), then resume."),
        (errno.EIO, "(Input/output error). Check the disk and the folder, then resume."),
    ],
)
def test_a_file_that_cannot_be_written_names_its_own_cause(run, number, advice):
    error = OSError(number, os.strerror(number), str(run.path / "resume.pt"))
    assert disk_sentence(run, error) == f"'resume.pt' could not be read or written {advice}"
    assert disk_sentence(run, OSError(number, os.strerror(number))) == f"A file could not be read or written {advice}"

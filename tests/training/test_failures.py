"""What an error means is said in a sentence that says what to do."""

import pytest
import torch

from resnet_demo.training.failures import failure_sentence


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "smaller batch"),
        (torch.OutOfMemoryError("CUDA out of memory"), "smaller batch"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"), "smaller batch"),
    ],
)
def test_too_little_memory_advises_a_smaller_batch(error, words):
    assert words in failure_sentence(error)


def test_a_network_that_cannot_be_compiled_advises_to_leave_it():
    def broken(graph, inputs):
        raise OSError("no compiler")

    with pytest.raises(Exception, match="no compiler") as caught:
        torch.compile(lambda x: x + 1, backend=broken)(torch.ones(2))
    assert "Turn Compile off" in failure_sentence(caught.value)

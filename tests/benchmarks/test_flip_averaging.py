"""What is counted as right by an image alone, and by its mean with the mirror image."""

import pytest
import torch

from benchmarks.flip_averaging import accuracies


class LooksAtTheLeft:
    """Class 1 by as much as the leftmost column is bright: 0 where it is below 100."""

    def logits(self, images):
        brightness = images[:, 0, 0, 0].float()
        return torch.stack([torch.full_like(brightness, 100), brightness], 1)


def test_an_image_and_its_mirror_image_are_averaged():
    images = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
    images[:, 0, 0, 0] = torch.tensor([250, 90, 110, 0])
    images[:, 0, 0, -1] = torch.tensor([0, 120, 80, 0])
    labels = torch.tensor([1, 1, 0, 0])
    assert accuracies(LooksAtTheLeft(), images, labels) == pytest.approx([0.5, 1.0])

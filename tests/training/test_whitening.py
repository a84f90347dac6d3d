"""The stem's first filters: patterns of the images, answered equally strongly, with both signs."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d

from resnet_demo.training.whitening import STRENGTH, whiten


@pytest.fixture
def images():
    """Smooth ones, as images are: neighbouring pixels and colours go together. About as strong as normalised."""
    noise = torch.randn(64, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    smooth = nn.functional.avg_pool2d(noise, 9, stride=1) + noise[:, :1, 4:-4, 4:-4] / 9
    return smooth / smooth.std()


def stem(size, filters=64):
    torch.manual_seed(1)
    return nn.Conv2d(3, filters, size, stride=2, padding=size // 2, bias=False)


def test_the_filters_answer_images_equally_strongly_and_independently(images):
    conv = stem(7)
    whiten(conv, images)
    answers = conv2d(images, conv.weight[:8]).permute(1, 0, 2, 3).flatten(1)  # of the strongest patterns
    covariance = torch.cov(answers)
    strength = covariance.diagonal()
    torch.testing.assert_close(strength / strength.mean(), torch.ones(8), rtol=0.1, atol=0)
    assert (covariance - strength.diag()).abs().max() < 0.1 * strength.mean()


def test_each_pattern_comes_with_both_signs_longer_than_random_filters(images):
    conv = stem(7)
    size = conv.weight.std()
    whiten(conv, images)
    assert torch.equal(conv.weight[:32], -conv.weight[32:])
    torch.testing.assert_close(conv.weight.std(), STRENGTH * size)


def test_filters_beyond_twice_the_patterns_stay_random(images):
    conv, untouched = stem(3), stem(3)  # 27 patterns of 3 x 3 x 3
    whiten(conv, images)
    assert torch.equal(conv.weight[54:], untouched.weight[54:])
    assert not torch.equal(conv.weight[:54], untouched.weight[:54])


def test_the_same_images_give_the_same_filters_and_flat_ones_harm_nothing(images):
    first, second, flat = stem(7), stem(7), stem(7)
    whiten(first, images)
    whiten(second, images)
    whiten(flat, torch.zeros(2, 3, 32, 32))
    assert torch.equal(first.weight, second.weight) and flat.weight.isfinite().all()

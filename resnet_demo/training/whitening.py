"""The first convolution starts with what images are made of instead of with noise."""

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

IMAGES = 1000  # enough for the covariance of their patches
STRIDE = 3  # between patches: neighbours say nearly the same
STRENGTH = 8  # times the size of random filters: the norm behind takes it out, and a step turns long filters less
FLOOR = 1e-2  # added to a variance: patterns that hardly occur are not blown up


@torch.no_grad()
def whiten(stem: nn.Conv2d, images: Tensor) -> None:
    """Let the filters of `stem` start as the patterns by which patches of `images` (N, C, H, W, normalised) vary
    most, each to the same strength and with both signs, since a ReLU follows: the whitening of Page 2019 ("How to
    train your ResNet", part 8) and of cifar10-airbench (Jordan 2024, arXiv:2404.00498, section 3.2), here as a start
    that goes on to be trained. Filters beyond twice the number of patterns keep their random start.
    """
    size, filters = stem.kernel_size, stem.weight.float()
    patches = unfold(images.cpu().double(), size, stride=STRIDE).transpose(1, 2).flatten(0, 1)  # (patches, C*K*K)
    variances, patterns = torch.linalg.eigh(torch.cov(patches.T))  # ascending; a pattern is a column
    kept = min(len(filters) // 2, len(variances))
    patterns = patterns[:, -kept:] / (variances[-kept:] + FLOOR).sqrt()
    patterns *= patterns.sum(0).sign()  # LAPACK leaves the sign open
    whitened = patterns.T.flip(0).reshape(kept, *filters.shape[1:]).to(filters)
    whitened = torch.cat([whitened, -whitened])
    stem.weight[: 2 * kept] = whitened * (STRENGTH * filters.std() / whitened.std())

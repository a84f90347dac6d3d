"""Batch norms folded into the convolutions before them, for a network that only answers."""

from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from resnet_demo.models.resnet import ResNet


def fold_norms(model: ResNet) -> ResNet:
    """Change `model`, in eval mode, so that it gives the same answers without its norms, and sooner.

    A norm that no longer learns multiplies each channel and adds to it, which the convolution can do as well. In this
    family each norm is registered right behind its convolution. What folding is worth: benchmarks/classify.py.
    """
    for module in list(model.modules()):
        for (_, convolution), (name, norm) in pairwise(list(module.named_children())):
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                assert norm.running_mean is not None and norm.running_var is not None  # of one in eval mode
                convolution.weight, convolution.bias = fuse_conv_bn_weights(
                    convolution.weight,
                    convolution.bias,
                    norm.running_mean,
                    norm.running_var,
                    norm.eps,
                    norm.weight,
                    norm.bias,
                )
                setattr(module, name, nn.Identity())
    return model

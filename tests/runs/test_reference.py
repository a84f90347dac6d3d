"""Which runs are compared to the article's result."""

from resnet_demo.runs.fold import fold
from resnet_demo.runs.reference import is_cifar10
from tests.support.snapshots import started


def test_cifar10_is_recognised_by_its_classes_whatever_the_files():
    assert is_cifar10(fold([started()]))
    assert not is_cifar10(fold([started(("cat", "dog"))])) and not is_cifar10(fold([]))

"""Images for who has none at hand: one a class, and photographs of what no class is."""

import pytest
from PIL import ImageStat

from resnet_demo.data.batches import to_tensor
from resnet_demo.data.digits import load_digits
from resnet_demo.data.examples import known_examples, out_of_distribution_examples
from resnet_demo.data.known import CIFAR10
from resnet_demo.data.sources import drain


def test_each_class_of_cifar10_has_a_drawing_under_any_source():
    for source in ("cifar10", "folder:/srv/cifar10-jpeg"):
        examples = known_examples(source, CIFAR10.classes)
        assert [example.label for example in examples] == list(CIFAR10.classes)
        assert (
            len({example.name for example in examples}) == len({example.image.tobytes() for example in examples}) == 10
        )
        assert all(max(ImageStat.Stat(example.image).stddev) > 10 for example in examples)  # not blank


def test_a_class_that_nobody_drew_has_none():
    assert [example.label for example in known_examples("folder:/animals", ("cat", "okapi", "../README"))] == ["cat"]


def test_digits_are_test_images_of_their_class():
    digits = drain(load_digits())
    examples = known_examples("digits", digits.classes)
    assert [example.label for example in examples] == list("0123456789")
    for example in examples:
        pixels = to_tensor([example.image])
        places = (digits.test_images == pixels).all((1, 2, 3)).nonzero().flatten().tolist()
        assert places and {digits.classes[digits.test_labels[place]] for place in places} == {example.label}


def test_foreign_images_are_none_of_the_classes():
    examples = out_of_distribution_examples()
    labels = [example.label for example in examples]
    assert {"flower", "palace"} <= set(labels) and not set(labels) & {*CIFAR10.classes, *"0123456789"}
    assert all(min(example.image.size) >= 200 and example.image.mode == "RGB" for example in examples)


def test_a_package_that_is_not_there_leaves_its_images_out(monkeypatch):
    from resnet_demo.data import examples as module

    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert out_of_distribution_examples() == []


@pytest.mark.parametrize("data", ["digits", "cifar10"])
def test_classes_of_another_kind_have_no_examples(data):
    assert known_examples(data, ("wrench", "bolt")) == []

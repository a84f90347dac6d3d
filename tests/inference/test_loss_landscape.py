"""The loss around a checkpoint: each filter moves by its own length, and the network is put back as it was."""

import torch
from torch.nn.functional import cross_entropy

from resnet_demo.data.dataset import drain
from resnet_demo.data.digits import load_digits
from resnet_demo.inference import loss_landscape as module
from resnet_demo.inference.loss_landscape import DIRECTIONS, DISTANCES, loss_landscape, random_direction
from resnet_demo.inference.predictor import Classifier
from tests.support.checkpoints import DIGITS, make_run


def test_each_filter_of_a_direction_is_as_long_as_the_networks_own():
    filters = [torch.randn(8, 3, 3, 3) * 5, torch.randn(10, 64), torch.zeros(2, 4)]
    made = random_direction(filters, seed=0)
    for weights, direction in zip(filters, made, strict=True):
        assert torch.allclose(direction.flatten(1).norm(dim=1), weights.flatten(1).norm(dim=1), atol=1e-5)
    assert all(map(torch.equal, made, random_direction(filters, seed=0)))
    assert not torch.equal(made[0], random_direction(filters, seed=1)[0])


def test_the_loss_at_no_distance_is_the_checkpoints_own_and_it_comes_back_unchanged(store, monkeypatch):
    monkeypatch.setattr(module, "MOST_IMAGES", 20)
    classifier, dataset = Classifier.from_file(make_run(store, "digits", DIGITS).model_path), drain(load_digits())
    before = [weights.clone() for weights in classifier.model.parameters()]
    found = drain(loss_landscape(classifier, dataset))
    assert all(map(torch.equal, before, classifier.model.parameters()))
    assert found.distances == DISTANCES and [len(line) for line in found.losses] == [len(DISTANCES)] * DIRECTIONS
    images, labels = dataset.spread_test_images(20)
    own = cross_entropy(classifier.logits(images), labels).item()
    middle = DISTANCES.index(0.0)
    assert all(abs(line[middle] - own) < 1e-5 and line[0] != line[middle] != line[-1] for line in found.losses)
    assert found.is_of(classifier.info) and found.images == 20 and found.data == "digits"

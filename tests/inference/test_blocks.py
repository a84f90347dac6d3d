"""Blocks switched off, against networks whose last norms are zero, and ratios against hooks on the real modules."""

import copy
from dataclasses import replace

import pytest
import torch

from resnet_demo.data.digits import load_digits
from resnet_demo.data.sources import drain
from resnet_demo.inference import block_ablation
from resnet_demo.inference.block_ablation import MOST_IMAGES, ablate_each_block
from resnet_demo.inference.blocks import named_blocks, pass_through, untrained_ratios
from resnet_demo.inference.folding import fold_norms
from resnet_demo.inference.predictor import Classifier
from resnet_demo.models.checkpoint_info import Calibration, ModelInfo
from resnet_demo.models.resnet import NetworkSpec, ResNet
from tests.support.checkpoints import DIGITS


def network(arch: str, shortcut: str = "auto") -> ResNet:
    """Random weights, and norms whose statistics are no trivial ones."""
    torch.manual_seed(0)
    model = ResNet(NetworkSpec(arch, "cifar", 10, shortcut)).train()
    with torch.no_grad():
        model(torch.randn(32, 3, 32, 32))
    return model.eval()


def classifier_of(model: ResNet, info: ModelInfo = DIGITS) -> Classifier:
    return Classifier(fold_norms(copy.deepcopy(model)), info)


def image(seed: int = 1) -> torch.Tensor:
    return torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def with_f_of_zero(model: ResNet, names: set[str], info: ModelInfo = DIGITS) -> Classifier:
    """The network whose blocks `names` end in a norm that gives zero whatever comes."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for name in names:
            named_blocks(model)[name].last_norm.weight.zero_()
            named_blocks(model)[name].last_norm.bias.zero_()
    return Classifier(model, info)


@pytest.mark.parametrize(("arch", "shortcut"), [("resnet20", "A"), ("resnet20", "B"), ("resnet50", "B")])
def test_a_block_that_is_off_adds_nothing_and_keeps_its_shortcut(arch, shortcut):
    model = network(arch, shortcut)
    for off in ({"layer1.1"}, {"layer2.0"}, {"layer1.0", "layer3.1"}):
        found = pass_through(classifier_of(model), image(), off)
        expected = with_f_of_zero(model, off).probabilities(image())[0].tolist()
        assert found.probabilities == pytest.approx(expected, abs=1e-5)
        assert found.probabilities != pytest.approx(found.intact, abs=1e-3)
        assert {block.name for block in found.blocks if block.is_off} == off


def test_with_every_block_on_the_answer_is_the_checkpoints():
    """And calibrated as it is, with a block off too: Classify and Architecture give an image the same percentage."""
    plain = classifier_of(network("resnet20"))
    classifier = Classifier(plain.model, replace(plain.info, calibration=Calibration(100, 0.5, 0.1, 0.05)))
    found = pass_through(classifier, image(), ())
    assert found.probabilities == pytest.approx(classifier.probabilities(image())[0].tolist(), abs=1e-6)
    assert found.probabilities != pytest.approx(plain.probabilities(image())[0].tolist(), abs=1e-3)
    assert found.intact == found.probabilities
    assert pass_through(classifier, image(), {"layer1.1"}).intact == pytest.approx(found.intact, abs=1e-6)


def test_with_flip_averaging_it_is_the_answer_to_an_image_and_its_mirror_image():
    model, off = network("resnet20"), {"layer2.1"}
    averaging = replace(DIGITS, flip_averaging=True)
    found = pass_through(classifier_of(model, averaging), image(), off)
    for answer, without in ((found.intact, set()), (found.probabilities, off)):
        expected = with_f_of_zero(model, without, averaging).probabilities(image())[0].tolist()
        assert answer == pytest.approx(expected, abs=1e-5)
        alone = with_f_of_zero(model, without).probabilities(image())[0].tolist()
        assert answer != pytest.approx(alone, abs=1e-3)


def test_the_ratio_is_of_what_the_modules_really_give():
    model, sides, branches = network("resnet20", "B"), {}, {}
    for name, block in named_blocks(model).items():
        block.register_forward_pre_hook(lambda _, given, name=name: sides.update({name: given[0].clone()}))
        block.last_norm.register_forward_hook(lambda _, __, y, name=name: branches.update({name: y.clone()}))
        if block.downsample is not None:  # comes after, and stands in the place of x
            block.downsample.register_forward_hook(lambda _, __, y, name=name: sides.update({name: y.clone()}))
    classifier = classifier_of(model)
    with torch.no_grad():
        model(classifier.normalise(image()))
    for block in pass_through(classifier, image(), ()).blocks:
        expected = (branches[block.name].norm() / sides[block.name].norm()).item()
        assert block.ratio == pytest.approx(expected, rel=1e-4)


def test_a_plain_block_has_no_ratio_and_lets_nothing_through():
    classifier = classifier_of(network("plain20"))
    answers = [pass_through(classifier, image(seed), {"layer2.1"}) for seed in (1, 2)]
    assert {block.ratio for block in answers[0].blocks} == {None}
    assert answers[0].probabilities == pytest.approx(answers[1].probabilities, abs=1e-6)
    assert answers[0].intact != pytest.approx(answers[1].intact, abs=1e-6)


def test_an_opened_block_shows_its_strongest_channels_first():
    model = network("resnet20")
    captured = []
    named_blocks(model)["layer2.2"].last_norm.register_forward_hook(lambda _, __, y: captured.append(y.clone()[0]))
    classifier = classifier_of(model)
    with torch.no_grad():
        model(classifier.normalise(image()))
    opened = pass_through(classifier, image(), (), "layer2.2").opened
    sizes = captured[0].flatten(1).norm(dim=1)
    assert opened.channels == tuple(sizes.argsort(descending=True).tolist()[:8])
    assert torch.allclose(opened.residual, captured[0][list(opened.channels)], atol=1e-4)
    assert opened.output.shape == (8, 16, 16) and opened.output.min() >= 0
    assert torch.allclose(torch.relu(opened.residual + opened.shortcut), opened.output, atol=1e-4)
    assert pass_through(classifier, image(), (), "no such block").opened is None


def test_an_untrained_network_has_ratios_and_asking_draws_no_number():
    before = torch.get_rng_state()
    found = untrained_ratios(NetworkSpec("resnet20", "cifar", 10))
    assert len(found) == 9 and all(ratio > 0.1 for ratio in found)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("info", [DIGITS, replace(DIGITS, flip_averaging=True)])
def test_accuracy_without_each_block_is_that_of_networks_with_f_of_zero(info):
    model, dataset = network("resnet20", "A"), drain(load_digits())
    found = _result(ablate_each_block(classifier_of(model, info), dataset))
    images, labels = dataset.test_images[:MOST_IMAGES], dataset.test_labels[:MOST_IMAGES]

    def accuracy(off: set[str]) -> float:
        answers = with_f_of_zero(model, off, info).probabilities(images).argmax(1)
        return (answers == labels).double().mean().item()

    assert found.images == 297 and found.accuracy == pytest.approx(accuracy(set()), abs=0.004)  # an image at a tie
    assert list(found.without) == list(named_blocks(model))
    for name in ("layer1.0", "layer2.0", "layer3.2"):
        assert found.without[name] == pytest.approx(accuracy({name}), abs=0.004)


def test_accuracy_without_blocks_is_of_all_classes_however_the_images_are_sorted(monkeypatch):
    """The test images of a folder stand class by class."""
    monkeypatch.setattr(block_ablation, "MOST_IMAGES", 50)
    model, dataset = network("resnet20", "A"), drain(load_digits())
    order = dataset.test_labels.argsort(stable=True)
    by_class = replace(dataset, test_images=dataset.test_images[order], test_labels=dataset.test_labels[order])
    with torch.no_grad():
        model.fc.bias[0] = 1e6  # says 0 of everything
    found = _result(ablate_each_block(classifier_of(model), by_class))
    assert found.images == 50 and found.accuracy == pytest.approx(0.1, abs=0.03)


def _result(work):
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value

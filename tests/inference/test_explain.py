"""Which places speak for a class: by the network's gradients, and by covering them."""

import numpy as np
import pytest
import torch
from PIL import Image

from resnet_demo.inference.explain import Explainer, explained_stage, grad_cam_over_epochs
from resnet_demo.models.catalog import NetworkSpec
from resnet_demo.models.checkpoint import save_model
from resnet_demo.models.checkpoint_info import CheckpointError
from resnet_demo.models.resnet import ResNet
from tests.support.checkpoints import INFO, network
from tests.support.image_folders import noise_image

SPEC = NetworkSpec("resnet20", "cifar", 4, "A")


def sees_red() -> ResNet:
    """Its blocks are their shortcuts alone, and it takes an image for class 1 by how much of it is red."""
    model = ResNet(SPEC, zero_init_residual=True).eval()
    with torch.no_grad():
        model.conv1.weight.zero_()
        model.conv1.weight[0, 0, 1, 1], model.conv1.weight[0, 1, 1, 1] = 1.0, -1.0  # red less green
        model.fc.weight.zero_()
        model.fc.bias.zero_()
        model.fc.weight[1, 0] = 5.0
    return model


@pytest.fixture
def image():
    """Green with a red square of 8 pixels, at rows 4 to 11 and columns 20 to 27; twice as large as it is seen."""
    image = Image.new("RGB", (64, 64), (0, 160, 0))
    image.paste((220, 0, 0), (40, 8, 56, 24))
    return image


def share_inside(places: np.ndarray) -> float:
    """Of the map's sum, what lies on the square or within four pixels of it."""
    return places[:16, 16:].sum() / places.sum()


def test_both_point_at_what_the_network_goes_by(image):
    explainer = Explainer(sees_red(), INFO)
    cam, occlusion = explainer.grad_cam(image, "dog"), explainer.occlusion(image, "dog")
    assert (cam.map.shape, occlusion.map.shape) == ((32, 32), (32, 32))
    assert cam.map.min() >= 0 and cam.map.max() == pytest.approx(1)
    assert share_inside(cam.map) > 0.9
    assert share_inside(occlusion.map.clip(0)) > 0.99 and occlusion.largest_fall > 0.1
    assert (cam.label, cam.stage, cam.stages, cam.side) == ("dog", 3, 3, 8)
    assert not explainer.grad_cam(image, "cat").map.any()  # nothing speaks for a class that it never answers with


def test_it_is_the_definition_of_grad_cam():
    model, image = network(), noise_image(3)
    explainer = Explainer(model, INFO)
    found = explainer.grad_cam(image, "frog")
    stage = model.stages[found.stage - 1]
    caught = []
    hook = stage.register_forward_hook(lambda module, given, maps: caught.append(maps))
    logits = model(explainer._input(image))
    hook.remove()
    (gradient,) = torch.autograd.grad(logits[0, 2], caught[0])
    coarse = (gradient.mean((2, 3), keepdim=True) * caught[0]).sum(1, keepdim=True).relu()
    fine = torch.nn.functional.interpolate(coarse, (32, 32), mode="bilinear")[0, 0].detach()
    np.testing.assert_allclose(found.map, fine / fine.max(), atol=1e-5)
    assert found.probability == pytest.approx(logits.softmax(1)[0, 2].item(), abs=1e-6)


def test_randomising_the_weights_changes_the_map(image):
    """The sanity check of Adebayo et al. 2018 (arXiv:1810.03292): a map that stays explains the image, not the
    network."""
    trained = Explainer(sees_red(), INFO).grad_cam(image, "dog").map
    assert np.array_equal(trained, Explainer(sees_red(), INFO).grad_cam(image, "dog").map)
    for seed in range(3):
        torch.manual_seed(seed)
        explainer = Explainer(ResNet(SPEC), INFO)
        maps = [explainer.grad_cam(image, label).map for label in INFO.classes]
        correlations = [np.corrcoef(trained.ravel(), one.ravel())[0, 1] for one in maps if one.std() > 0]
        assert correlations and np.mean(correlations) < 0.6, correlations


@pytest.mark.parametrize(
    ("arch", "stem", "wanted"),
    [
        ("resnet18", "imagenet", (2, 4)),
        ("resnet18", "compact", (3, 4)),
        ("resnet18", "cifar", (4, 4)),
        ("resnet20", "cifar", (3, 8)),
        ("plain20", "cifar", (3, 8)),
    ],
)
def test_the_deepest_map_that_can_still_say_where_is_taken(arch, stem, wanted):
    assert explained_stage(ResNet(NetworkSpec(arch, stem, 4)).eval()) == wanted


def test_a_class_that_it_does_not_know_is_refused(image):
    explainer = Explainer(network(), INFO)
    for ask in (explainer.grad_cam, explainer.occlusion):
        with pytest.raises(CheckpointError, match="no such class"):
            ask(image, "okapi")


def test_weights_that_are_no_numbers_are_a_sentence(image):
    model = sees_red()
    with torch.no_grad():
        model.fc.weight.fill_(float("nan"))
    with pytest.raises(CheckpointError, match="not a number"):
        Explainer(model, INFO).grad_cam(image, "dog")


def test_a_film_is_one_map_for_each_checkpoint(tmp_path, image):
    paths = [tmp_path / f"{seed}.safetensors" for seed in range(2)]
    for seed, path in enumerate(paths):
        save_model(path, network(seed), INFO)
    frames = grad_cam_over_epochs(paths, image, "cat")
    alone = [Explainer.from_file(path).grad_cam(image, "cat") for path in paths]
    assert all(np.array_equal(frame.map, other.map) for frame, other in zip(frames, alone, strict=True))
    assert not np.array_equal(frames[0].map, frames[1].map)

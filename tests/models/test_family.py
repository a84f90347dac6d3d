"""The networks that torchvision does not have: the small ones, the plain twins, the options A, B, C, the article's."""

import pytest
import torch
from torch import nn

from resnet_demo.models.blocks import ArticleBottleneck, BasicBlock, Bottleneck, ResidualBlock
from resnet_demo.models.catalog import ARCHITECTURES, STEMS
from resnet_demo.models.resnet import NetworkSpec, ResNet, build_on_meta

SMALL = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}  # parameters, option A, 10 classes
TWINS = [arch for arch in ARCHITECTURES if arch.startswith("plain")]


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def projections(model: nn.Module) -> list[str]:
    return [name for name, block in blocks(model) if isinstance(block.downsample, nn.Sequential)]


def blocks(model: nn.Module) -> list[tuple[str, ResidualBlock]]:
    return [(name, module) for name, module in model.named_modules() if isinstance(module, ResidualBlock)]


@pytest.mark.parametrize(("layers", "count"), SMALL.items())
def test_the_small_networks_are_the_papers(layers, count):
    """arXiv:1512.03385, section 4.2: n blocks in each of three stages on maps of 32, 16 and 8 pixels."""
    model = build_on_meta(NetworkSpec(f"resnet{layers}"))
    assert parameters(model) == count
    assert len(blocks(model)) == 3 * (layers - 2) // 6 and not projections(model)
    x, shapes = model.stem(torch.empty(1, 3, 32, 32, device="meta")), []
    for stage in model.stages:
        x = stage(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
    assert model.head(x).shape == (1, 10)


def test_small_networks_have_their_stem_whatever_is_asked_for():
    assert {build_on_meta(NetworkSpec("resnet20", stem)).spec for stem in STEMS} == {NetworkSpec("resnet20", "cifar")}


@pytest.mark.parametrize("arch", TWINS)
def test_a_plain_network_is_the_residual_one_without_its_shortcuts(arch):
    plain = build_on_meta(NetworkSpec(arch))
    twin = build_on_meta(NetworkSpec(arch.replace("plain", "resnet")))
    assert all(block.is_plain and block.downsample is None for _, block in blocks(plain))
    kept = {name: weight.shape for name, weight in twin.state_dict().items() if ".downsample." not in name}
    assert {name: weight.shape for name, weight in plain.state_dict().items()} == kept
    projected = sum(parameters(block.downsample) for _, block in blocks(twin) if block.downsample is not None)
    assert parameters(plain) == parameters(twin) - projected


@pytest.mark.parametrize("arch", ["resnet20", "resnet34", "resnet50"])
def test_the_options_differ_in_their_projections_alone(arch):
    models = {option: build_on_meta(NetworkSpec(arch, shortcut=option)) for option in "ABC"}
    first = [f"layer{stage}.0" for stage in ((2, 3) if arch == "resnet20" else (2, 3, 4))]
    assert projections(models["A"]) == []
    assert projections(models["B"]) == (["layer1.0", *first] if arch == "resnet50" else first)
    assert projections(models["C"]) == [name for name, _ in blocks(models["C"])]
    bare = parameters(models["A"])
    for option in "BC":
        added = sum(parameters(block.downsample) for _, block in blocks(models[option]) if block.downsample is not None)
        assert parameters(models[option]) == bare + added


def test_auto_is_what_the_source_gives():
    own = {"resnet18": "B", "resnet152": "B", "resnet20": "A", "plain50": "none", "plain56": "none"}
    assert {arch: NetworkSpec(arch).shortcut for arch in own} == own
    assert NetworkSpec("resnet50") == NetworkSpec("resnet50", shortcut="B")


@pytest.mark.parametrize("kind", [BasicBlock, Bottleneck, ArticleBottleneck])
@pytest.mark.parametrize("shortcut", ["A", "B", "C", "none"])
@pytest.mark.parametrize(("channels_in", "stride"), [(8, 1), (32, 2), (32, 1)])
def test_a_block_adds_its_shortcut(kind, shortcut, channels_in, stride):
    torch.manual_seed(0)
    block = kind(channels_in, 32 // kind.expansion, stride, shortcut).double()
    x = torch.randn(3, channels_in, 7, 7, dtype=torch.float64)
    changes = stride == 2 or channels_in != 32
    if shortcut == "none":
        added = torch.zeros(())
    elif shortcut == "C" or (shortcut == "B" and changes):
        projection, norm = block.downsample
        added = norm(nn.functional.conv2d(x, projection.weight, projection.bias, stride))
    elif changes:
        added = torch.zeros(3, 32, *((4, 4) if stride == 2 else (7, 7)), dtype=torch.float64)
        added[:, :channels_in] = x[:, :, ::stride, ::stride]
    else:
        added = x
    torch.testing.assert_close(block(x.clone()), (block.residual(x) + added).relu(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("spec", [NetworkSpec("resnet20"), NetworkSpec("resnet18", shortcut="C")])
def test_blocks_with_a_shortcut_start_as_it(spec):
    model = ResNet(spec, zero_init_residual=True)
    assert all((block.last_norm.weight == 0).all() for _, block in blocks(model))


def test_a_plain_network_that_starts_at_zero_would_let_nothing_through():
    model = ResNet(NetworkSpec("plain20"), zero_init_residual=True)
    assert all((block.last_norm.weight == 1).all() for _, block in blocks(model))
    model(torch.randn(4, 3, 32, 32)).square().sum().backward()
    assert model.conv1.weight.grad.abs().max() > 0


# --- the article's --------------------------------------------------------------------------------------------


def article_parameters() -> int:
    """Counted from the article's description, with a bias on each convolution and none of this project's code."""

    def convolution(channels_in, channels_out, size):
        return channels_in * channels_out * size**2 + channels_out

    def norm(channels):
        return 2 * channels

    total, channels = convolution(3, 64, 7), 64  # no norm behind the stem
    conv_blocks = ({1}, {1, 4}, {1, 4, 5, 6}, {1, 2, 3})  # by stage, counted from 1
    for width, depth, projected in zip((64, 128, 256, 512), (3, 4, 6, 3), conv_blocks, strict=True):
        for number in range(1, depth + 1):
            total += convolution(channels, width, 1) + norm(width)
            total += convolution(width, width, 3) + norm(width)
            total += convolution(width, 4 * width, 1) + norm(4 * width)
            if number in projected:
                total += convolution(channels, 4 * width, 1) + norm(4 * width)
            channels = 4 * width
    return total + channels * 10 + 10


def test_the_articles_network_is_as_it_is_described():
    model = build_on_meta(NetworkSpec("resnet50_article"))
    assert parameters(model) == article_parameters() == 35_374_474
    assert projections(model) == [
        "layer1.0", "layer2.0", "layer2.3", "layer3.0", "layer3.3", "layer3.4", "layer3.5",
        "layer4.0", "layer4.1", "layer4.2",
    ]  # fmt: skip
    assert all(m.bias is not None for m in model.modules() if isinstance(m, nn.Conv2d))
    assert model(torch.empty(2, 3, 224, 224, device="meta")).shape == (2, 10)  # the article's own check


def test_the_articles_stem_has_neither_norm_nor_relu():
    model = ResNet(NetworkSpec("resnet50_article")).double()
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    nn.init.normal_(model.conv1.bias)
    convolved = nn.functional.conv2d(x, model.conv1.weight, model.conv1.bias, stride=2, padding=3)
    torch.testing.assert_close(model.stem(x), nn.functional.max_pool2d(convolved, 3, 2, 1))
    assert convolved.min() < 0


# --- what there is not ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"arch": "resnet21"}, "no network 'resnet21'"),
        ({"arch": "resnet20", "stem": "none"}, "no stem 'none'"),
        ({"arch": "plain20", "shortcut": "A"}, "Plain-20 has no shortcuts, so they cannot be 'A'"),
        ({"arch": "resnet50_article", "shortcut": "B"}, "has shortcuts of its own"),
        ({"arch": "resnet50", "shortcut": "none"}, "auto, A, B, C"),
        ({"arch": "resnet50", "shortcut": "D"}, "auto, A, B, C"),
    ],
)
def test_what_a_network_cannot_be_is_a_sentence(names, words):
    with pytest.raises(ValueError, match=words):
        NetworkSpec(**names)

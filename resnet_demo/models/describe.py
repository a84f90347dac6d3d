"""A network as plain data, measured by running it on the meta device: no shape or count is typed in."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import prod
from typing import cast

import torch
from torch import Tensor, nn

from resnet_demo.models.blocks import ResidualBlock, ZeroPadding
from resnet_demo.models.catalog import NetworkSpec
from resnet_demo.models.resnet import ResNet, build_on_meta

Shape = tuple[int, ...]  # without the batch: (C, H, W), or (features,)

KINDS = {
    nn.Conv2d: "convolution",
    nn.BatchNorm2d: "batch norm",
    nn.ReLU: "ReLU",
    nn.MaxPool2d: "max-pool",
    nn.AdaptiveAvgPool2d: "average pool",
    nn.Flatten: "flatten",
    nn.Linear: "linear",
    ZeroPadding: "zero padding",
}


@dataclass(frozen=True)
class LayerDescription:
    """One call of one leaf module. `kernel_size`, `stride` and `padding` are None where the layer has none."""

    name: str
    kind: str
    in_shape: Shape
    out_shape: Shape
    kernel_size: int | None
    stride: int | None
    padding: int | None
    parameters: int
    multiply_adds: int  # for one image; convolutions and the linear layer, padding included


@dataclass(frozen=True)
class BlockDescription:
    """One block. An empty `shortcut` is the identity, but in a Plain Block, which has neither shortcut nor sum."""

    name: str
    kind: str  # "Conv Block", "Zero-Pad Block", "Identity Block" or "Plain Block"
    in_shape: Shape
    out_shape: Shape
    residual: tuple[LayerDescription, ...]
    shortcut: tuple[LayerDescription, ...]
    after_sum: tuple[LayerDescription, ...]

    @property
    def is_plain(self) -> bool:
        return self.kind == "Plain Block"

    @property
    def keeps_shape(self) -> bool:
        return self.in_shape == self.out_shape

    @property
    def layers(self) -> tuple[LayerDescription, ...]:
        return self.residual + self.shortcut + self.after_sum

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        return sum(layer.multiply_adds for layer in self.layers)


@dataclass(frozen=True)
class StageDescription:
    """Blocks that share one output shape."""

    name: str
    blocks: tuple[BlockDescription, ...]

    @property
    def in_shape(self) -> Shape:
        return self.blocks[0].in_shape

    @property
    def out_shape(self) -> Shape:
        return self.blocks[-1].out_shape

    @property
    def parameters(self) -> int:
        return sum(block.parameters for block in self.blocks)

    @property
    def multiply_adds(self) -> int:
        return sum(block.multiply_adds for block in self.blocks)


@dataclass(frozen=True)
class NetworkDescription:
    """The whole network for one input size. `parameters` counts learned numbers, not batch-norm statistics."""

    label: str
    arch: str
    stem_name: str
    shortcut_name: str
    in_shape: Shape
    stem: tuple[LayerDescription, ...]
    stages: tuple[StageDescription, ...]
    head: tuple[LayerDescription, ...]
    parameters: int
    multiply_adds: int

    @property
    def depth(self) -> int:
        """How many layers its name counts: convolutions and the linear layer, shortcuts aside."""
        branches = (layer for stage in self.stages for block in stage.blocks for layer in block.residual)
        return sum(layer.multiply_adds > 0 for layer in (*self.stem, *branches, *self.head))

    def as_dict(self) -> dict:
        """Nested dicts and lists, for JSON."""
        return asdict(self)


@lru_cache(maxsize=256)
@torch.inference_mode()
def describe(spec: NetworkSpec, input_size: int) -> NetworkDescription:
    """Build the network on the meta device and measure it with one image of (3, input_size, input_size); the second
    time it is remembered."""
    model = build_on_meta(spec).eval()
    recorder = _Recorder(model)
    image = torch.empty(1, 3, input_size, input_size, device="meta")
    x, stem = recorder.record(model.stem, image)
    stages = []
    for number, stage in enumerate(model.stages, start=1):
        blocks = []
        for block in cast(Iterable[ResidualBlock], stage):
            x, description = recorder.record_block(block, x)
            blocks.append(description)
        stages.append(StageDescription(f"stage {number}", tuple(blocks)))
    _, head = recorder.record(model.head, x)
    layers = [*stem, *head, *(layer for stage in stages for block in stage.blocks for layer in block.layers)]
    return NetworkDescription(
        label=spec.architecture.label,
        arch=spec.arch,
        stem_name=spec.stem,
        shortcut_name=spec.shortcut,
        in_shape=_shape(image),
        stem=stem,
        stages=tuple(stages),
        head=head,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        multiply_adds=sum(layer.multiply_adds for layer in layers),
    )


class _Recorder:
    """Notes every leaf module that runs, in the order in which they run."""

    def __init__(self, model: ResNet) -> None:
        self.names = {module: name for name, module in model.named_modules()}
        self.layers: list[LayerDescription] = []
        for module in model.modules():
            if isinstance(module, tuple(KINDS)):
                module.register_forward_hook(self._note)

    def record(self, function, x: Tensor) -> tuple[Tensor, tuple[LayerDescription, ...]]:
        """Run `function(x)`; its result, and the layers that ran."""
        self.layers = []
        result = function(x)
        return result, tuple(self.layers)

    def record_block(self, block: ResidualBlock, x: Tensor) -> tuple[Tensor, BlockDescription]:
        """Run the block, and see which layers run while it asks for its residual branch and for its shortcut."""
        ran: dict[str, tuple[LayerDescription, ...]] = {"residual": (), "shortcut": ()}
        shapes = set()

        def watched(name: str) -> Callable[[Tensor], Tensor]:
            branch = getattr(block, name)

            def run(x: Tensor) -> Tensor:
                before = len(self.layers)
                y = branch(x)
                ran[name] = tuple(self.layers[before:])
                shapes.add(_shape(y))
                return y

            return run

        for name in ran:
            setattr(block, name, watched(name))
        in_shape = _shape(x)
        out, every_layer = self.record(block, x)
        if shapes != {_shape(out)}:
            raise RuntimeError(f"The branches of {self.names[block]} do not end in one shape.")
        description = BlockDescription(
            name=self.names[block],
            kind=_kind(block, ran["shortcut"]),
            in_shape=in_shape,
            out_shape=_shape(out),
            residual=ran["residual"],
            shortcut=ran["shortcut"],
            after_sum=every_layer[len(ran["residual"]) + len(ran["shortcut"]) :],
        )
        return out, description

    def _note(self, module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        kernel_size, stride, padding = (getattr(module, name, None) for name in ("kernel_size", "stride", "padding"))
        self.layers.append(
            LayerDescription(
                name=self.names[module],
                kind=next(kind for layer, kind in KINDS.items() if isinstance(module, layer)),
                in_shape=_shape(inputs[0]),
                out_shape=_shape(output),
                kernel_size=_side(kernel_size),
                stride=_side(stride),
                padding=_side(padding),
                parameters=sum(parameter.numel() for parameter in module.parameters()),
                multiply_adds=_multiply_adds(module, output),
            )
        )


def _kind(block: ResidualBlock, shortcut: tuple[LayerDescription, ...]) -> str:
    """By what stands on its shortcut."""
    if block.is_plain:
        return "Plain Block"
    if not shortcut:
        return "Identity Block"
    return "Conv Block" if any(layer.kind == "convolution" for layer in shortcut) else "Zero-Pad Block"


def _shape(x: Tensor) -> Shape:
    return tuple(x.shape[1:])


def _side(value: int | tuple[int, int] | None) -> int | None:
    return value[0] if isinstance(value, tuple) else value


def _multiply_adds(module: nn.Module, output: Tensor) -> int:
    """One multiply-add for each weight at each place it is applied; the others' work is negligible."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        places = prod(output.shape[2:])
        return module.weight.numel() * places
    return 0

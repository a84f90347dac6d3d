"""The names of networks, stems and shortcuts, as plain data: the page offers them before torch is imported."""

from dataclasses import dataclass, replace

from resnet_demo.language import t


@dataclass(frozen=True)
class Stem:
    """The first convolution, and whether a 3x3 max-pool of stride 2 follows it."""

    label: str
    kernel_size: int
    stride: int
    pool: bool


STEMS = {
    "imagenet": Stem("imagenet: 7x7, stride 2, then max-pool (the paper's)", 7, 2, True),
    "compact": Stem("compact: 3x3, stride 2", 3, 2, False),
    "cifar": Stem("cifar: 3x3, stride 1 (keeps all 32 pixels)", 3, 1, False),
}

AUTO = "auto"  # the shortcuts that the network's source gives it
SHORTCUTS = {  # section 3.3 of arXiv:1512.03385; 'none' and 'article' belong to networks that leave no choice
    "A": "A: zero padding where the shape changes, nothing to learn",
    "B": "B: a projection where the shape changes",
    "C": "C: a projection in every block",
    "none": "none: a plain network",
    "article": "the article's: B, and projections in six blocks whose shape stays",
}
OFFERED_SHORTCUTS = (AUTO, "A", "B", "C")


@dataclass(frozen=True)
class Architecture:
    """A network by plain fields; the first of `stems` and of `shortcuts` is what its source gives it."""

    label: str
    block: str  # "basic", "bottleneck" or "article"
    depths: tuple[int, ...]  # blocks of each stage
    channels: tuple[int, ...] = (64, 128, 256, 512)  # width of the residual branch in each stage
    stems: tuple[str, ...] = tuple(STEMS)
    shortcuts: tuple[str, ...] = ("B", "A", "C")
    bare_stem: bool = False  # neither norm nor ReLU behind the first convolution, which has a bias
    projected: tuple[tuple[int, ...], ...] = ()  # by stage, the blocks (from 0) that project though the shape stays

    @property
    def is_plain(self) -> bool:
        """Whether its blocks have no shortcuts."""
        return self.shortcuts == ("none",)


def _small(layers: int) -> Architecture:
    """arXiv:1512.03385, section 4.2: 6n + 2 layers for images of 32 pixels, option A."""
    depths = (layers // 6,) * 3
    return Architecture(f"ResNet-{layers}", "basic", depths, (16, 32, 64), stems=("cifar",), shortcuts=("A", "B", "C"))


def _plain(architecture: Architecture) -> Architecture:
    """Its twin without shortcuts."""
    return replace(architecture, label=architecture.label.replace("ResNet", "Plain"), shortcuts=("none",))


_LARGE = {  # arXiv:1512.03385, table 1
    18: Architecture("ResNet-18", "basic", (2, 2, 2, 2)),
    34: Architecture("ResNet-34", "basic", (3, 4, 6, 3)),
    50: Architecture("ResNet-50", "bottleneck", (3, 4, 6, 3)),
    101: Architecture("ResNet-101", "bottleneck", (3, 4, 23, 3)),
    152: Architecture("ResNet-152", "bottleneck", (3, 8, 36, 3)),
}
_SMALL = {layers: _small(layers) for layers in (20, 32, 44, 56, 110)}

ARCHITECTURES = {
    **{f"resnet{layers}": architecture for layers, architecture in _LARGE.items()},
    **{f"plain{layers}": _plain(_LARGE[layers]) for layers in (18, 34, 50)},
    **{f"resnet{layers}": architecture for layers, architecture in _SMALL.items()},
    **{f"plain{layers}": _plain(architecture) for layers, architecture in _SMALL.items()},
    "resnet50_article": replace(
        _LARGE[50],
        label="ResNet-50 of the article",
        block="article",
        shortcuts=("article",),
        bare_stem=True,
        projected=((), (3,), (3, 4, 5), (1, 2)),
    ),
}
TORCHVISION_HAS = tuple(f"resnet{layers}" for layers in _LARGE)  # with the shortcuts B


@dataclass(frozen=True)
class NetworkSpec:
    """What it takes to build a network again: the names, not the weights.

    What the network leaves no choice of becomes what it has: the stem of a small network is `cifar` whatever is
    given, and `auto` becomes the shortcuts that it has. Raises ValueError for a name that is none, and for shortcuts
    that this network cannot have.
    """

    arch: str = "resnet50"
    stem: str = "imagenet"
    num_classes: int = 10
    shortcut: str = AUTO

    def __post_init__(self) -> None:
        if self.arch not in ARCHITECTURES:
            raise ValueError(f"There is no network '{self.arch}'. Choose one of {', '.join(ARCHITECTURES)}.")
        if self.stem not in STEMS:
            raise ValueError(f"There is no stem '{self.stem}'. Choose one of {', '.join(STEMS)}.")
        if problem := shortcut_problem(self.arch, self.shortcut):
            raise ValueError(problem)
        if self.stem not in self.architecture.stems:
            object.__setattr__(self, "stem", self.architecture.stems[0])
        if self.shortcut == AUTO:
            object.__setattr__(self, "shortcut", self.architecture.shortcuts[0])

    @property
    def architecture(self) -> Architecture:
        return ARCHITECTURES[self.arch]

    @property
    def is_torchvisions(self) -> bool:
        """Whether torchvision and timm build this very network, under the name `arch`."""
        return self.arch in TORCHVISION_HAS and (self.stem, self.shortcut) == ("imagenet", "B")


def shortcut_problem(arch: str, shortcut: str) -> str | None:
    """Why a known network cannot have these shortcuts, or None."""
    architecture = ARCHITECTURES[arch]
    if shortcut in (AUTO, *architecture.shortcuts):
        return None
    if shortcut not in OFFERED_SHORTCUTS:
        offered = ", ".join(OFFERED_SHORTCUTS)
        return t(
            "There are no shortcuts '{shortcut}' here. Choose one of {offered}.", shortcut=shortcut, offered=offered
        )
    told = {"network": architecture.label, "shortcut": shortcut, "auto": AUTO}
    if architecture.is_plain:
        return t("{network} has no shortcuts, so they cannot be '{shortcut}'. Choose {auto}.", **told)
    return t("{network} has shortcuts of its own, so they cannot be '{shortcut}'. Choose {auto}.", **told)

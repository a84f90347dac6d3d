"""What the table of runs says of a run."""

from types import SimpleNamespace

import pytest

from resnet_demo.runs.config import TrainConfig
from resnet_demo.ui.html.runs_table import COLUMNS


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "resnet50, imagenet"),
        ({"shortcut": "B"}, "resnet50, imagenet"),
        ({"shortcut": "C", "stem": "cifar"}, "resnet50, cifar, C"),
        ({"arch": "resnet20"}, "resnet20, cifar"),
        ({"arch": "plain20"}, "plain20, cifar"),
    ],
)
def test_the_network_is_said_as_it_is_built(settings, said):
    assert COLUMNS["network"].value(SimpleNamespace(config=TrainConfig(**settings))) == said

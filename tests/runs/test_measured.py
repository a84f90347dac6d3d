"""What was measured of a checkpoint: what was written is read, it belongs to its weights alone, and what cannot be is
no result."""

import json
from dataclasses import replace

import pytest

from resnet_demo.runs.measured import BlockAblation, LossLandscape
from tests.support.checkpoints import INFO, make_run

ABLATION = BlockAblation("abc", "digits", 297, 0.98, {"layer1.0": 0.4, "layer1.1": 0.97})
LANDSCAPE = LossLandscape("abc", "digits", 297, [-1.0, 0.0, 1.0], [[3.0, 0.1, 2.0], [4.0, 0.1, 5.0]])
ALL = pytest.mark.parametrize("found", [ABLATION, LANDSCAPE], ids=lambda found: found.FILE_NAME)


@ALL
def test_what_was_written_is_read_and_belongs_to_its_weights(store, found):
    run, kind = make_run(store, "one"), type(found)
    assert kind.load(run) is None
    found.save(run)
    assert kind.load(run) == kind.of(run, replace(INFO, digest="abc")) == found
    assert kind.of(run, replace(INFO, digest="abd")) is None and not found.is_of(None)
    assert not replace(found, digest="").is_of(INFO)  # a file of before names no weights


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        *((found, wrong) for found in (ABLATION, LANDSCAPE) for wrong in ({"format": 9}, {"images": 0}, {"digest": 3})),
        (ABLATION, {"accuracy": 1.5}),
        (ABLATION, {"without": [1]}),
        (ABLATION, {"without": {"a": "b"}}),
        (LANDSCAPE, {"distances": [1.0, 0.0, -1.0]}),
        (LANDSCAPE, {"distances": 3}),
        (LANDSCAPE, {"losses": []}),
        (LANDSCAPE, {"losses": [[1.0, 2.0]]}),
        (LANDSCAPE, {"losses": [[1.0, "a", 2.0]]}),
        (LANDSCAPE, {"losses": [[1.0, -2.0, 2.0]]}),
    ],
)
def test_what_cannot_be_is_no_result(store, found, wrong):
    run = make_run(store, "one")
    found.save(run)
    path = run.path / found.FILE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **wrong}))
    assert type(found).load(run) is None

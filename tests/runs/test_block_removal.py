"""blocks.json: what was written is read, it belongs to its weights alone, and what cannot be is no result."""

import json
from dataclasses import replace

import pytest

from resnet_demo.runs.block_removal import FILE_NAME, BlockRemoval, load_block_removal, save_block_removal
from tests.support.checkpoints import INFO, make_run

FOUND = BlockRemoval("abc", "digits", 297, 0.98, {"layer1.0": 0.4, "layer1.1": 0.97})


def test_what_was_written_is_read_and_belongs_to_its_weights(store):
    run = make_run(store, "one")
    assert load_block_removal(run) is None
    save_block_removal(run, FOUND)
    assert load_block_removal(run) == FOUND
    assert FOUND.is_of(replace(INFO, digest="abc"))
    assert not FOUND.is_of(replace(INFO, digest="abd")) and not FOUND.is_of(None)
    assert not replace(FOUND, digest="").is_of(INFO)  # a file of before names no weights


@pytest.mark.parametrize(
    "wrong",
    [{"format": 9}, {"accuracy": 1.5}, {"without": [1]}, {"without": {"a": "b"}}, {"images": 0}, {"digest": 3}],
)
def test_what_cannot_be_is_no_result(store, wrong):
    run = make_run(store, "one")
    save_block_removal(run, FOUND)
    path = run.path / FILE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **wrong}))
    assert load_block_removal(run) is None

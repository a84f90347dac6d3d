"""What the tour says: to each part in its turn, while it trains, and where it leads at its end."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from resnet_demo.runs.config import preset_config
from resnet_demo.runs.status import RunStatus
from resnet_demo.ui.html.tour import CAPTIONS, caption, next_html


def tour(status: str = "training", step: int = 0, **changes):
    """A snapshot of the tour after so many of its 100 steps."""
    place = SimpleNamespace(step=step)
    return SimpleNamespace(
        config=replace(preset_config("tour"), **changes),
        status=RunStatus(status),
        progress=place if step else None,
        view=SimpleNamespace(total_steps=100, last=place, test_accuracy=0.99),
        run=SimpleNamespace(is_shipped=False),
    )


@pytest.mark.parametrize(
    ("step", "spoken_of"), [(0, "status"), (30, "loss"), (60, "accuracy"), (80, "pinned"), (100, "pinned")]
)
def test_each_part_is_spoken_of_in_its_turn(step, spoken_of):
    marked = [part for part in CAPTIONS if "tour-now" in caption(tour(step=step), part)]
    assert marked == [spoken_of]
    assert all(CAPTIONS[part] in caption(tour(step=step), part) for part in CAPTIONS)


def test_it_speaks_of_the_tour_alone():
    shipped = tour()
    shipped.run.is_shipped = True
    for other in (None, tour(preset="fast"), shipped):
        assert {caption(other, part) for part in CAPTIONS} == {""}


@pytest.mark.parametrize("status", ["stopped", "paused", "interrupted", "failed", "finished"])
def test_what_it_said_can_be_read_afterwards(status):
    said = {part: caption(tour(status, 50), part) for part in CAPTIONS}
    assert all(CAPTIONS[part] in said[part] and "tour-now" not in said[part] for part in CAPTIONS)


def test_its_end_leads_on():
    assert "99.0" in next_html(tour("finished", 100), owner=True)
    assert 'data-next="images"' in next_html(tour("finished", 100), owner=True)
    assert 'data-next="images"' not in next_html(tour("finished", 100), owner=False)
    for other in (None, tour(), tour("stopped", 50), tour("finished", 100, preset="fast")):
        assert next_html(other, owner=True) == ""

"""How often pages ask: as many as look."""

from resnet_demo.ui import pace
from resnet_demo.ui.pace import INTERVAL_S, LEFT_AFTER_S, LONGEST_S, TOGETHER, Pace


def test_many_pages_ask_more_rarely_and_those_that_left_count_no_more(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    asked = Pace()
    assert {asked.of(f"page {number}") for number in range(TOGETHER)} == {INTERVAL_S}
    assert asked.of("page 0") == INTERVAL_S and asked.of(None) == 2 * INTERVAL_S
    assert {asked.of(f"other {number}") for number in range(14)} == {2 * INTERVAL_S, 3 * INTERVAL_S, 4 * INTERVAL_S}
    assert max(asked.of(f"crowd {number}") for number in range(1000)) == LONGEST_S
    now[0] += LEFT_AFTER_S
    assert asked.of("page 0") == INTERVAL_S

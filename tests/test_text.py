"""Text for people: what could act on a terminal is escaped, what people write is not."""

import pytest

from resnet_demo.text import duration, percent, printable, printable_lines, rate, rough_duration


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b31m \x00\x07\x7f", "\\x9b31m \\x00\\x07\\x7f"),
        ("a\rb\nc\td", "a\\x0db\\x0ac\\x09d"),
        ("\u202egnp.exe\u2066\u2028", "\\u202egnp.exe\\u2066\\u2028"),
        ("caf\udce9 \ud800", "caf\\xe9 \\ud800"),
        ("café 第一次 👩‍👩‍👧 نمی‌خواهم 87.3 % – C:\\x1b", "café 第一次 👩‍👩‍👧 نمی‌خواهم 87.3 % – C:\\x1b"),
    ],
)
def test_a_line_is_printable(text, shown):
    assert printable(text) == shown


def test_lines_keep_their_ends_and_tabs():
    assert printable_lines("a\n\tb\x1b\r\n") == "a\n\tb\\x1b\\x0d\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "0 s"), (59.6, "1 min 00 s"), (250, "4 min 10 s"), (7261, "2 h 01 min"), (-3, "0 s")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "10 s"), (44, "40 s"), (114, "1 min 50 s"), (116, "2 min"), (731, "12 min"), (3581, "1 h 00 min")],
)
def test_estimates_are_no_more_exact_than_they_are_known(seconds, text):
    assert rough_duration(seconds) == text


def test_other_numbers():
    assert (percent(0.8731), percent(None)) == ("87.3 %", "–")
    assert [rate(r) for r in (None, 7.789, 172.6, 12345.6)] == [
        "–", "7.79 images/s", "173 images/s", "12,346 images/s",
    ]  # fmt: skip

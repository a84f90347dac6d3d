"""Text for people: what could act on a terminal is escaped, what people write is not."""

import pytest

from resnet_demo.text import printable, printable_lines


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

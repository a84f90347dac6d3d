"""The language of who looks: texts stand in the code in English, and their Chinese in one table, `chinese/*.json`.

`t("Saved after epoch {epoch}.", epoch=3)` is that text for whoever is answered at the moment. The page sets the
language for each request (`ui/translation.py`); nobody else does, so the command line and every file stay English.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

ENGLISH, CHINESE = "en", "zh"
LANGUAGES = {ENGLISH: "English", CHINESE: "中文"}
HTML_LANGUAGES = {ENGLISH: "en", CHINESE: "zh-CN"}  # as a page names them for fonts, hyphens and voices
TABLES = Path(__file__).parent / "chinese"

_current = ContextVar("language", default=ENGLISH)


def t(english: str, /, **values: Any) -> str:
    """The text in the current language, with each `{name}` replaced. A text that the table lacks stays English."""
    text = english if _current.get() == ENGLISH else chinese().get(english, english)
    return text.format(**values) if values else text


def current_language() -> str:
    return _current.get()


def set_language(language: str) -> None:
    """For all that runs in this context from now on: a request, or the handler of an event."""
    _current.set(language)


@contextmanager
def in_language(language: str) -> Iterator[None]:
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


@cache
def chinese() -> dict[str, str]:
    """English -> Chinese, of all tables; a text stands in one of them."""
    table: dict[str, str] = {}
    for path in sorted(TABLES.glob("*.json")):
        table |= json.loads(path.read_text(encoding="utf-8"))
    return table

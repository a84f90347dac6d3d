"""Pseudo-localisation: a table that has every text, ⟦marked⟧, and what of a page is then left unmarked."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from unittest.mock import patch

from resnet_demo import language
from resnet_demo.language import CHINESE, in_language

WORD = re.compile(r"[A-Za-z]{2,}")
TEXT = re.compile(r">([^<>]+)<")
RULES = re.compile(r"<style>(?:(?!content:).)*?</style>", re.DOTALL)  # that say nothing
SAID_BY_ATTRIBUTE = re.compile(r'\b(?:title|alt|placeholder|aria-label|data-large|data-sending)="([^"]*)"')


def marked(text: str) -> str:
    """What is put in is not marked with it, and must be by itself."""
    return re.sub("{[^}]*}", lambda value: f"⟧{value[0]}⟦", f"⟦{text}⟧")


class EveryText(dict[str, str]):
    def get(self, english: str, default: object = None) -> str:
        return marked(english)


@contextmanager
def every_text_marked() -> Iterator[None]:
    with patch.object(language, "chinese", EveryText), in_language(CHINESE):
        yield


def unmarked(markup: str, names: re.Pattern) -> list[str]:
    """Texts of the page with two or more English words that stand in no table, but for names."""
    rest = re.sub(r"⟦[^⟦⟧]*⟧", "⟧", RULES.sub("", markup))
    said = [*TEXT.findall(f">{rest}<"), *SAID_BY_ATTRIBUTE.findall(rest)]
    texts = map(unescape, "⟧".join(said).split("⟧"))
    return [text for text in texts if len(WORD.findall(names.sub("", text))) > 1]

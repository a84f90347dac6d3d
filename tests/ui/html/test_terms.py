"""Each word that is marked has an explanation, and each explanation is asked for."""

import re
from pathlib import Path

import pytest

import resnet_demo.ui
from resnet_demo.language import LANGUAGES, in_language, t
from resnet_demo.ui.html.terms import WORDS, explained, key_of, term

UI = Path(resnet_demo.ui.__file__).parent


def test_what_is_marked_is_explained_and_what_is_explained_is_marked():
    written = (UI / "terms.js").read_text(encoding="utf-8").partition("const TERMS = {")[2].partition("};")[0]
    explanations = set(re.findall(r"^  (\w+): t\('", written, re.M))
    marked = {key for path in (UI / "html").glob("*.py") for key in re.findall(r'\bterm\(["\'](\w+)', path.read_text())}
    assert explanations == marked | set(WORDS.values()) and marked


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_is_known_in_each_language(language):
    with in_language(language):
        assert 'data-term="heldOut"' in explained(t("held out")) and t("held out") in explained(t("held out"))
        assert explained("images & more") == "images &amp; more" and key_of("images") is None


def test_it_is_reached_by_keys():
    assert 'role="button" tabindex="0"' in term("loss", "Loss")

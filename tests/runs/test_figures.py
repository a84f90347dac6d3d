"""Curves as an image: titles in letters that the usual font lacks."""

from types import SimpleNamespace

from matplotlib import font_manager

from resnet_demo.runs import figures


def test_a_font_of_this_machine_is_found_for_letters_that_the_usual_one_lacks(monkeypatch):
    letters = {"usual": set(map(ord, "abc ")), "latin": set(map(ord, "abcé")), "cjk": set(map(ord, "第一次"))}
    fonts = [SimpleNamespace(name=name, fname=name, weight=400) for name in ("latin", "cjk")]
    monkeypatch.setattr(font_manager, "findfont", lambda family: "usual")
    monkeypatch.setattr(font_manager, "fontManager", SimpleNamespace(ttflist=fonts))
    monkeypatch.setattr(figures, "_letters", lambda font: letters[font])
    usual = figures._families(["abc"])
    assert figures._families(["abc 第一次"]) == [*usual, "cjk"]
    assert figures._families(["é第"]) == [*usual, "latin", "cjk"]
    assert figures._families(["ж"]) == usual, "where no font has it"


def test_the_usual_letters_need_no_other_font():
    assert len(figures._families(["A   2026 ResNet-50 é"])) == 1

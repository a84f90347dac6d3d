import asyncio
import json
import string

import pytest

from resnet_demo import language
from resnet_demo.language import CHINESE, TABLES, chinese, in_language, t
from resnet_demo.text import duration, plural, rate


def fields_of(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("path", sorted(TABLES.glob("*.json")), ids=lambda path: path.stem)
def test_a_translation_names_what_the_text_names(path):
    for english, translation in json.loads(path.read_text(encoding="utf-8")).items():
        if "{" in english:
            assert fields_of(translation) == fields_of(english), english


def test_a_text_stands_in_one_table():
    pairs = [pair for path in TABLES.glob("*.json") for pair in json.loads(path.read_text(), object_pairs_hook=list)]
    texts = [english for english, _ in pairs]
    assert sorted(texts) == sorted(set(texts))
    assert set(texts) == set(chinese())


def test_english_is_what_the_code_says_and_chinese_what_the_table_says():
    assert t("{seconds} s", seconds=3) == "3 s"
    with in_language(CHINESE):
        assert t("{seconds} s", seconds=3) == "3 秒"
    assert t("{seconds} s", seconds=3) == "3 s"


def test_numbers_in_words():
    with in_language(CHINESE):
        assert duration(250) == "4 分 10 秒"
        assert rate(172.6) == "173 张/秒"
        assert plural(1400, "step") == "1,400 步"


def test_a_text_that_the_table_lacks_stays_english():
    with in_language(CHINESE):
        assert t("Nobody has translated {this}.", this="yet") == "Nobody has translated yet."


def test_each_context_has_its_own_language():
    async def said(code):
        language.set_language(code)
        await asyncio.sleep(0)
        return await asyncio.to_thread(t, "Train")

    async def both():
        return await asyncio.gather(said("en"), said("zh"))

    assert asyncio.run(both()) == ["Train", "训练"]

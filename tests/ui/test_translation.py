import json

import pytest

from resnet_demo.language import in_language
from resnet_demo.runs.directory import RunDirectory, RunError
from resnet_demo.ui.translation import language_of, translated
from tests.support.asking import post


@pytest.mark.parametrize(
    ("headers", "language"),
    [
        ({}, "en"),
        ({"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}, "zh"),
        ({"accept-language": "de-DE,de;q=0.9,zh-TW;q=0.8,en;q=0.7"}, "zh"),
        ({"accept-language": "fr,en;q=0.5,zh;q=0.1"}, "en"),
        ({"accept-language": "*"}, "en"),
        ({"accept-language": ";;,,\x00"}, "en"),
        ({"cookie": "theme=dark; language=en", "accept-language": "zh"}, "en"),
        ({"cookie": "language=zh"}, "zh"),
        ({"cookie": "language=xx", "accept-language": "zh"}, "zh"),
        ({"cookie": "lang[uage=;;=zh", "accept-language": "en"}, "en"),
    ],
)
def test_what_a_visitor_has_chosen_comes_before_what_the_browser_prefers(headers, language):
    assert language_of(headers) == language


def test_what_the_page_was_built_with_is_said_in_the_visitors_language():
    config = {
        "components": [
            {"id": 1, "type": "tabitem", "props": {"label": "Train"}},
            {"id": 2, "type": "textbox", "props": {"label": "Runs", "value": "Train"}},
            {"id": 3, "type": "button", "props": {"value": "Classify"}},
            {"id": 4, "type": "dropdown", "props": {"choices": [("Train", "Train"), ("3", 3)], "value": "Train"}},
            {"id": 5, "type": "html", "props": {"value": "", "js_on_load": "say(t('Train'), at('Train'));"}},
        ],
        "mode": "blocks",
    }
    first = {5: ("value", lambda: "<p>of now</p>")}
    assert translated(config, {}) == config
    with in_language("zh"):
        props = [part["props"] for part in translated(config, first)["components"]]
    assert props[0] == {"label": "训练"}
    assert props[1] == {"label": "训练记录", "value": "Train"}  # what a person typed is theirs
    assert props[2] == {"value": "分类"}
    assert props[3] == {"choices": [("训练", "Train"), ("3", 3)], "value": "Train"}
    assert props[4] == {"value": "<p>of now</p>", "js_on_load": "say(\"\\u8bad\\u7ec3\", at('Train'));"}
    assert config["components"][4]["props"]["value"] == ""


def test_handlers_answer_each_caller_in_their_language(serve):
    refused = "This takes 3 values, not 0."
    with serve() as (url, _):
        for language in ("zh-CN", "en", "zh-CN"):
            kind, answer = post(url, "status", ["newest"], language=language)
            assert kind == "complete"
            assert ("尚无训练" in json.loads(answer)[0]) == (language != "en"), answer
            _, refusal = post(url, "classify", [], language=language)
            assert (refused in refusal) == (language == "en"), refusal


def test_a_refusal_with_a_name_in_it_is_in_the_language_of_who_asked(store):
    (store.folder / "broken").mkdir(parents=True)
    run = RunDirectory(store.folder / "broken")
    for language, said in (("zh", "训练“broken”没有可读取的 config.json"), ("en", "The run 'broken' has no readable")):
        with in_language(language), pytest.raises(RunError, match=said):
            run.config()

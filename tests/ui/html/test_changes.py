"""In what a form or a run differs from its preset."""

from resnet_demo.runs.config import changes_of, preset_config
from resnet_demo.ui.html.changes import changes_html, changes_text


def test_what_differs_is_named_with_what_the_preset_has():
    changed = preset_config("half_hour", epochs=20, flip=False, data="digits", processes=2)
    assert changes_of(changed.to_dict()) == {"epochs": 15, "flip": True}
    assert changes_text(changed) == "Epochs 20, Random flip off"
    assert changes_of(preset_config("half_hour").to_dict()) == {}


def test_each_has_a_press_that_takes_it_back_and_a_mark_at_its_field():
    assert changes_html({}, {}) == ""
    html = changes_html({"epochs": 15, "flip": True, "start_from": ""}, {})
    assert html.count("data-field=") == 3 and 'data-field="flip" title="Take it back to on"' in html
    assert ":is(#setting-epochs, #setting-flip, #setting-start_from)" in html


def test_no_character_of_a_sentence_ends_the_style_sheet_that_says_it():
    spoken, _, html = changes_html({}, {"epochs": 'a"b\\c</style>\nd'}).partition("<style>")
    assert 'role="status">a&quot;b\\c&lt;/style&gt;' in spoken
    assert html.count('"') == 2 and html.count("</style>") == 1 and html.endswith('"; }</style>')
    assert r"a\22 b\5c c\3c /style>\a d" in html

"""What visitors of a Space are told, and nobody elsewhere."""

from resnet_demo.language import CHINESE, in_language
from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.visitors import space_html


def parts(store, tmp_path):
    page = build_app(Backend.over(store, tmp_path)).get_config_file()
    return {part["props"].get("elem_id"): part for part in page["components"]}


def test_a_space_can_be_duplicated_and_says_what_it_keeps(store, tmp_path, monkeypatch):
    monkeypatch.setenv("SPACE_ID", "someone/resnet")
    there = parts(store, tmp_path)
    assert there["duplicate"]["props"]["value"] == "Duplicate this Space"
    assert "after at most 7 hours" in there["space-notice"]["props"]["value"]


def test_elsewhere_nothing_of_it_is_shown(store, tmp_path, monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert not {"duplicate", "space-notice"} & set(parts(store, tmp_path))


def test_only_a_machine_without_a_gpu_is_called_slow():
    assert "trains slowly" in space_html(True, 3600) and "trains slowly" not in space_html(False, 3600)
    with in_language(CHINESE):
        assert "没有 GPU" in space_html(True, 3600)

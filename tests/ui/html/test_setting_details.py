"""The explanations below the form's settings."""

from html import escape

from resnet_demo.runs.config import TrainConfig
from resnet_demo.ui.html.setting_details import details_html


def test_each_named_setting_stands_with_its_label_and_its_explanation():
    html = details_html(["momentum", "flip"])
    for name in ("momentum", "flip"):
        about = TrainConfig.__dataclass_fields__[name].metadata
        assert f"<dt>{about['label']}</dt>" in html and escape(about["details"]) in html
    assert html.count("<dt>") == 2

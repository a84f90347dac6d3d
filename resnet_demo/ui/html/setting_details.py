"""What else one should know of a setting: folded away below the settings themselves."""

from collections.abc import Iterable
from html import escape

from resnet_demo.language import t
from resnet_demo.runs.config import TrainConfig


def details_html(names: Iterable[str]) -> str:
    """A fold with the explanation of each of these settings; opened by pointer or keyboard, with no request."""
    settings = [TrainConfig.__dataclass_fields__[name].metadata for name in names]
    rows = "".join(f"<dt>{escape(t(one['label']))}</dt><dd>{escape(t(one['details']))}</dd>" for one in settings)
    summary = t("More about these settings")
    return f'<details class="setting-details"><summary>{summary}</summary><dl>{rows}</dl></details>'

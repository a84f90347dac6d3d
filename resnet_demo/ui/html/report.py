"""A run as one HTML page that can be mailed: nothing in it is fetched, no script is in it, no folder is named. Pure
functions. Imports neither gradio nor torch."""

from html import escape
from pathlib import Path
from typing import Any

from resnet_demo import __version__
from resnet_demo.language import HTML_LANGUAGES, current_language, t
from resnet_demo.runs.early_stopping import ending_text
from resnet_demo.runs.evaluation import Evaluation
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.ui.html.changes import configuration_html
from resnet_demo.ui.html.curves import run_charts
from resnet_demo.ui.html.evaluation import report_html
from resnet_demo.ui.html.status_card import MARKS, facts

# What Gradio's theme gives the style sheet on the page; and what is there to be clicked does nothing here.
_STYLE = """
:root { --body-text-color: #1f2937; --body-text-color-subdued: #475569; --body-background-fill: #fff;
  --background-fill-primary: #fff; --background-fill-secondary: #f8fafc; --block-background-fill: #fff;
  --border-color-primary: #e2e8f0; --color-accent: #3b82f6; --radius-sm: 4px; --radius-md: 6px; --radius-lg: 8px;
  --spacing-sm: 4px; --spacing-md: 6px; --spacing-lg: 8px; --spacing-xl: 10px; --spacing-xxl: 16px;
  --text-sm: 12px; --text-md: 14px; --text-lg: 16px; --text-xl: 22px; --font: system-ui, sans-serif; }
body { max-width: 1180px; margin: 0 auto; padding: 24px; background: #fff; color: var(--body-text-color);
  font: 15px/1.5 var(--font); font-variant-numeric: tabular-nums; }
h1 { margin: 0; font-size: 26px; } body > h2 { margin: 36px 0 12px; font-size: 19px; }
button { padding: 0; border: 0; background: none; color: inherit; font: inherit; pointer-events: none; }
.evaluate-pairs button { text-decoration: none; }
.report-facts, .report-environment { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 8px 24px; margin: 12px 0; }
:is(.report-facts, .report-environment) dt { color: var(--body-text-color-subdued); font-size: 13px; }
:is(.report-facts, .report-environment) dd { margin: 0; overflow-wrap: anywhere; }
.report-charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 24px; }
.chart-more, .only-live { display: none; } .term { text-decoration: none; pointer-events: none; } .report-note { color: var(--body-text-color-subdued); }
@media (max-width: 720px) { body { padding: 14px; } .evaluate-columns { grid-template-columns: 1fr !important; } }
"""  # noqa: E501


def report_page(snapshot: Snapshot, evaluation: Evaluation | None) -> str:
    """The whole page. A folder's images are named by its last part, warnings only where they make an accuracy doubtful:
    the others name files of this machine."""
    css = (Path(__file__).parents[1] / "page.css").read_text(encoding="utf-8")
    title = escape(snapshot.name)
    return (
        f'<!doctype html><html lang="{HTML_LANGUAGES[current_language()]}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f"<style>{css}{_STYLE}</style></head><body><h1>{title}</h1>"
        f'<p class="report-note">{escape(snapshot.run.id)} · resnet_demo {__version__}</p>'
        f"<p>{_standing(snapshot)}</p>{_facts(snapshot)}"
        f'<h2>{t("Curves")}</h2><div class="report-charts">{"".join(run_charts(snapshot))}</div>'
        f"<h2>{t('On the test images')}</h2>{_evaluated(evaluation)}"
        f"<h2>{t('Configuration')}</h2>{configuration_html(snapshot)}"
        f'<h2>{t("Environment")}</h2><dl class="report-environment">{_environment(snapshot.run.environment())}</dl>'
        "</body></html>"
    )


def _standing(snapshot: Snapshot) -> str:
    """In a word, and why it stopped early; why one has failed may name files."""
    ended, status = snapshot.view.ended, t(snapshot.status)
    told = f": {ending_text(ended.message)}" if ended and ended.message and ended.outcome == "finished" else ""
    return f"<b>{MARKS[snapshot.status]} {status}</b>{escape(told)}"


def _facts(snapshot: Snapshot) -> str:
    told = [(name, value) for name, value in facts(snapshot) if name not in (t("epoch ends in"), t("run ends in"))]
    return f'<dl class="report-facts">{"".join(_pair(name, value) for name, value in told)}</dl>'


def _evaluated(evaluation: Evaluation | None) -> str:
    if evaluation is None:
        return f'<p class="report-note">{t("Not evaluated: the Evaluate tab or the command evaluate does that.")}</p>'
    images = t("Images that it gets wrong are not shown: whether they may be passed on depends on their licence.")
    return f'{report_html(evaluation.for_anyone(), None)}<p class="report-note">{images}</p>'


def _environment(environment: dict[str, Any]) -> str:
    """Versions, device, threads, commit; what else a later version writes is not shown unread."""
    plain = {name: value for name, value in environment.items() if isinstance(value, str | int | float)}
    return "".join(_pair(name.replace("_", " "), str(value)) for name, value in plain.items() if "/" not in str(value))


def _pair(name: str, value: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"

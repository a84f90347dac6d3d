"""What a checkpoint says of several images, as a table that can be sorted and seen as a gallery, and as CSV: pure
functions. Imports neither gradio nor torch."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from resnet_demo.data.headers import MAX_FILE_BYTES
from resnet_demo.language import t
from resnet_demo.models.checkpoint_info import ModelInfo
from resnet_demo.runs.points import spreadsheet_text
from resnet_demo.runs.text import calibration_text, checkpoint_text
from resnet_demo.text import percent, plural
from resnet_demo.ui.images import data_url

if TYPE_CHECKING:  # brings torch
    from resnet_demo.inference.predictor import Prediction

MOST = 100  # images at once: a page of them, answered in some seconds
_IMAGES = "image/*,.heic,.heif,.avif"


@dataclass(frozen=True)
class Answered:
    """One file: its name, and a prediction or a sentence that says why there is none."""

    name: str
    prediction: "Prediction | None"
    problem: str = ""


def ask_html() -> str:
    """Where several images are chosen or dropped; `several_images.js` sends them."""
    chooser = '<label class="several-button">{}<input type="file" {}></label>'
    images = chooser.format(t("Choose images"), f'multiple accept="{_IMAGES}"')
    folder = chooser.format(t("Choose a folder"), "webkitdirectory")
    how = t(
        "Drop images or a folder here or on the image above, at most {most} at a time. The checkpoint chosen here "
        "answers each, and all answers can be sorted and saved.",
        most=MOST,
    )
    large = t(
        "The file is larger than {limit} MB. Make the image smaller and try again.", limit=MAX_FILE_BYTES // 2**20
    )
    return (
        f'<details class="several"><summary>{t("Several images at once")}</summary><div class="several-drop">'
        f'<p>{how}</p>{images}{folder}</div><p role="status" data-most="{MOST}" data-bytes="{MAX_FILE_BYTES}" '
        f'data-large="{escape(large)}" data-sending="{escape(t("Sending image {n} of {total}"))}" '
        f'data-lost="{escape(t("The image could not be sent. Check the connection and try again."))}"></p></details>'
    )


def progress_html(done: int, total: int) -> str:
    said = t("{done} of {total} answered", done=f"{done:,}", total=plural(total, "image"))
    role = "" if done else ' role="status"'  # a screen reader says how it begins, and then what came of it
    return f'<p class="several-state"{role}>{said}</p>'


def problem_html(sentence: str) -> str:
    """Why none was answered."""
    return f'<p class="several-state" role="alert">✕ {escape(t(sentence))}</p>'


def answers_html(answers: Sequence[Answered], run: str, run_id: str, info: ModelInfo, given: int) -> str:
    """A row for each file, in the order in which they came. `given` is how many were chosen, `run` the run's name."""
    count = len(answers)
    file = f"answers-{run_id}-{count}-image{'' if count == 1 else 's'}.csv"
    link = f"data:text/csv;charset=utf-8,{quote(answers_csv(answers, run_id, info))}"
    columns = ("file", t("File")), ("class", t("Class")), ("probability", t("Probability")), ("next", t("Next class"))
    heads = "".join(
        f'<th scope="col"><button type="button" data-sort="{key}">{label}</button></th>' for key, label in columns
    )
    caption = _caption(count, run, info, given)
    return (
        f'<div class="several-found"><div class="several-tools"><div role="group" aria-label="{t("View")}">'
        f'<button type="button" class="several-button" data-view="table" aria-pressed="true">{t("Table")}</button>'
        '<button type="button" class="several-button" data-view="gallery" aria-pressed="false">'
        f'{t("Gallery")}</button></div><a class="several-button" href="{link}" download="{escape(file)}">'
        f'{t("Save as CSV")}</a></div><table class="several-table">'
        f'<caption><span role="status">{caption}</span></caption>'
        f'<thead><tr><th scope="col">{t("Seen")}</th>{heads}</tr></thead>'
        f"<tbody>{''.join(map(_row, answers))}</tbody></table></div>"
    )


def _caption(count: int, run: str, info: ModelInfo, given: int) -> str:
    told = t(
        "{images}, answered by {run} ({checkpoint}). Its probabilities are {calibrated}.",
        images=plural(count, "image"),
        run=f"<b>{escape(run)}</b>",
        checkpoint=escape(checkpoint_text(info)),
        calibrated=escape(calibration_text(info)),
    )
    over = t("You chose {given}; at most {most} are answered at a time.", given=f"{given:,}", most=MOST)
    return " ".join([told, *([over] if given > count else []), t("Click a column header to sort.")])


def _row(answered: Answered) -> str:
    name = f'<td class="several-name" data-key="file" data-value="{escape(answered.name)}">{escape(answered.name)}</td>'
    found = answered.prediction
    if found is None:
        return (
            f'<tr class="several-refused"><td class="several-seen"><span></span></td>{name}'
            f'<td colspan="3">✕ {escape(t(answered.problem))}</td></tr>'
        )
    (first, share), *others = found.ranked
    seen = f'<td class="several-seen"><img src="{data_url(found.seen)}" alt="" width="32" height="32"></td>'
    following = f"{escape(others[0][0])} <small>{percent(others[0][1])}</small>" if others else "–"
    return (
        f'<tr>{seen}{name}<td data-key="class" data-value="{escape(first)}"><b>{escape(first)}</b></td>'
        f'<td data-key="probability" data-value="{share:.6f}">{percent(share)}</td>'
        f'<td data-key="next" data-value="{escape(others[0][0]) if others else ""}">{following}</td></tr>'
    )


def answers_csv(answers: Sequence[Answered], run_id: str, info: ModelInfo) -> str:
    """A line for each file, with the probability of every class."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    classes = [spreadsheet_text(name) for name in info.classes]
    rows.writerow(["file", "class", "probability", "problem", "run", "epoch", "calibrated", *classes])
    of_checkpoint = [spreadsheet_text(run_id), info.epoch, "yes" if info.calibration else "no"]
    for answered in answers:
        found, name = answered.prediction, spreadsheet_text(answered.name)
        if found is None:
            rows.writerow([name, "", "", spreadsheet_text(answered.problem), *of_checkpoint, *("" for _ in classes)])
            continue
        (first, share), shares = found.ranked[0], dict(found.ranked)
        every = [f"{shares[one]:.6f}" for one in info.classes]
        rows.writerow([name, spreadsheet_text(first), f"{share:.6f}", "", *of_checkpoint, *every])
    return file.getvalue()

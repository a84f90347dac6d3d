"""The part of the Classify tab for several images at once: each is answered as one that is dropped alone."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from resnet_demo.data.headers import ImageError
from resnet_demo.errors import UserError
from resnet_demo.files import parse_json
from resnet_demo.language import t
from resnet_demo.runs.directory import RunError
from resnet_demo.runs.store import NO_SUCH_RUN
from resnet_demo.runs.text import name_of
from resnet_demo.runs.watcher import NEWEST
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html import several_images as html
from resnet_demo.ui.html.several_images import MOST, Answered
from resnet_demo.ui.images import uploaded_image
from resnet_demo.ui.wiring import ACTION_EVENT, html_of, script

TELL_EVERY_S = 0.5
NAME_MAX = 200  # characters of a file's name that are shown
SORT = """
const cell = (row, key) => row.querySelector(`[data-key="${key}"]`)?.dataset.value;
element.addEventListener('click', ({target}) => {
  const view = target.closest('[data-view]'), head = target.closest('[data-sort]')?.closest('th');
  if (view) {
    element.querySelectorAll('[data-view]').forEach((one) => one.setAttribute('aria-pressed', one === view));
    element.querySelector('table').className = `several-${view.dataset.view}`;
  }
  if (!head) return;
  const key = head.firstElementChild.dataset.sort, down = head.getAttribute('aria-sort') === 'ascending';
  element.querySelectorAll('th').forEach((one) => one.removeAttribute('aria-sort'));
  head.setAttribute('aria-sort', down ? 'descending' : 'ascending');
  const body = element.querySelector('tbody');
  const order = (a, b) => (down ? -1 : 1) * a.localeCompare(b, undefined, {numeric: true});
  body.append(...[...body.rows].sort((one, other) => {
    const [a, b] = [cell(one, key), cell(other, key)]; // a file without an answer stands at the end
    return a === undefined || b === undefined ? (a === undefined) - (b === undefined) : order(a, b);
  }));
});
"""


class SeveralImages:
    """Built where it is called; then call `wire`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        plain: dict[str, Any] = {"elem_classes": "classify-html"}
        self.ask = html_of(html.ask_html, elem_id="classify-several", js_on_load=script("several_images.js"), **plain)
        self.sent = gr.Textbox("", visible="hidden")  # the files and how many were given, as the script wrote them
        self.found = gr.HTML("", elem_id="classify-several-found", js_on_load=SORT, **plain)

    def wire(self, run: gr.Dropdown, trim: gr.Checkbox, limits: dict[str, Any]) -> None:
        """`run` is the checkpoint that answers; `limits` are those of each question."""
        self._cache = run.GRADIO_CACHE
        self.ask.click(None, None, self.sent, js="() => window.severalImages")
        self.sent.change(
            self.answer,
            [run, trim, self.sent],
            self.found,
            trigger_mode="always_last",
            api_name="classify_several",
            **ACTION_EVENT,
            **limits,
        )

    def answer(self, chosen: Any, trim: Any, sent: Any, request: gr.Request | None = None) -> Iterator[str]:
        """How far it is, then the table. A file that cannot be read is a row with its sentence; a raw request may send
        anything."""
        files, given = _files_of(sent)
        if not isinstance(files, list) or not files:
            yield html.problem_html(t("No images came. Choose some."))
            return
        try:
            if not isinstance(chosen, str):
                raise RunError(NO_SUCH_RUN)
            backend = self.backend.of(request)
            classifier = backend.predictor.get().classifier(None if chosen == NEWEST else chosen)
            run = backend.store.get(classifier.run_id or "")
            answers: list[Answered] = []
            told = time.monotonic()
            for file in files[:MOST]:
                if not answers or time.monotonic() - told >= TELL_EVERY_S:
                    told = time.monotonic()
                    yield html.progress_html(len(answers), min(len(files), MOST))
                answers.append(self._answered(classifier, file, trim is not False))
        except UserError as error:
            yield html.problem_html(str(error))
            return
        given = given if isinstance(given, int) and given >= len(files) else len(files)
        yield html.answers_html(answers, name_of(run), run.id, classifier.info, given)

    def _answered(self, classifier: Any, file: Any, trim: bool) -> Answered:
        """Raises CheckpointError where the checkpoint cannot answer at all."""
        file = file if isinstance(file, dict) else {}
        name = str(file.get("name") or "image")[-NAME_MAX:]
        if isinstance(problem := file.get("problem"), str):  # what the upload was answered with
            return Answered(name, None, problem[:NAME_MAX])
        try:
            decoded = uploaded_image(file, self._cache, trim)
        except ImageError as error:
            return Answered(name, None, str(error))
        return Answered(name, replace(classifier.classify(decoded.image), trimmed=decoded.trimmed))


def _files_of(sent: Any) -> tuple[Any, Any]:
    """The files and how many were given; of what is no such text, nothing."""
    try:
        read = parse_json(sent) if isinstance(sent, str) else None
    except ValueError:
        return None, None
    return (read.get("files"), read.get("given")) if isinstance(read, dict) else (None, None)

"""The page: a header, the tabs, and the poll that asks every few seconds whether anything is new."""

import os
from html import escape
from pathlib import Path

import gradio as gr

from resnet_demo.language import HTML_LANGUAGES, LANGUAGES, current_language, t
from resnet_demo.training.zerogpu import is_zerogpu
from resnet_demo.ui.address import Address
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.runs_table import version_of
from resnet_demo.ui.html.visitors import space_html
from resnet_demo.ui.pace import INTERVAL_S, Pace
from resnet_demo.ui.page import Page
from resnet_demo.ui.serving import launch_settings
from resnet_demo.ui.tabs.architecture import build_architecture_tab
from resnet_demo.ui.tabs.classify import ClassifyTab
from resnet_demo.ui.tabs.evaluate import EvaluateTab
from resnet_demo.ui.tabs.form_memory import restore
from resnet_demo.ui.tabs.runs import RunsTab
from resnet_demo.ui.tabs.train import TrainTab
from resnet_demo.ui.uploads import KEPT_S, SWEEP_EVERY_S, Uploads
from resnet_demo.ui.wiring import POLL_EVENT, RAW_INPUTS_OUTPUTS, html_of, script, sent_with

FILES_KEPT_S = (int(SWEEP_EVERY_S), int(KEPT_S))  # and removed when the app ends
QUEUE_REST_S = 0.05  # how late a button may be heard
# gr.Timer rests in a browser tab that is not in front, whose title is then all that a person sees of a run.
HIDDEN_POLL = "setInterval(() => document.hidden && trigger('tick'), 10000);"
# The range of a tab's plots that is to be drawn, which `chart_choice` reads.
ZOOM = "(train, runs) => window.zoomed.tab === 'train' ? [window.zoomed.range, runs] : [train, window.zoomed.range]"
LEAD = """
document.documentElement.lang = element.querySelector('header').lang;
element.addEventListener('click', (event) => {
  const language = event.target.closest('[data-language]')?.dataset.language;
  if (language) {
    const secure = location.protocol === 'https:' ? '; SameSite=None; Secure; Partitioned' : '; SameSite=Lax';
    document.cookie = `language=${language}; Max-Age=31536000; Path=${location.pathname}${secure}`;
    location.reload();
    return;
  }
  const tab = event.target.closest('[data-tab]')?.dataset.tab;
  if (!tab) return;
  trigger('click', {tab});
  if (tab === 'train') document.querySelector('#start')?.scrollIntoView({block: 'center'});
});
"""


def build_app(backend: Backend) -> Page:
    """All tabs over one backend. Imports no torch: what needs it is filled after the page has been served."""

    pace = Pace()

    def poll_versions(chosen: str, picked: str, request: gr.Request) -> list[str | float]:
        """Short texts that say what there is to show: of the chosen run, of the checkpoints, of the table of runs with
        the ticked ones' curves, and of the evaluation under way. Sent each time, since the page sees by itself which
        have changed, in under 300 bytes; with them comes when to ask again."""
        snapshot, everyones = backend.of(request).watcher.snapshot(), backend.watcher.snapshot()
        versions = snapshot.version_of(snapshot.shown(chosen))
        listed, jobs = version_of(everyones, picked), backend.evaluations.version
        return [*versions, snapshot.checkpoints, listed, jobs, pace.of(request.session_hash)]

    with Page(title="ResNet-50, opened", analytics_enabled=False, delete_cache=FILES_KEPT_S) as page:
        gr.HTML(visible="hidden", js_on_load=script("busy.js"))  # first, so that no queued call passes it unseen
        header = html_of(header_html, js_on_load=LEAD)
        if "SPACE_ID" in os.environ:
            _build_space_notice()
        curves = gr.HTML(visible="hidden", js_on_load=script("curves.js"))
        gr.HTML(visible="hidden", js_on_load=script("terms.js"))
        with gr.Tabs(selected="train") as tabs:
            with gr.Tab("Train", id="train"):
                train = TrainTab(backend)
            with gr.Tab("Runs", id="runs"):
                runs = RunsTab(backend, train, tabs)
            with gr.Tab("Architecture", id="architecture"):
                architecture = build_architecture_tab(backend)
            with gr.Tab("Classify", id="classify"):
                classify = ClassifyTab(backend)
            with gr.Tab("Evaluate", id="evaluate"):
                evaluate = EvaluateTab(backend)
        # Where a version differs, its part of the page asks for what is new: while a run trains that is the status at
        # each poll, the curves at every second one, and Classify once a minute.
        hidden_poll = gr.HTML(visible="hidden", js_on_load=HIDDEN_POLL)
        checkpoints = gr.Textbox("", visible="hidden", elem_id="checkpoints")
        jobs = gr.Textbox("", visible="hidden")
        timer = gr.Timer(INTERVAL_S)
        poll_inputs, versions = [train.chosen, runs.picked], [*train.version, checkpoints, runs.listed, jobs, timer]
        polling = {**POLL_EVENT, **RAW_INPUTS_OUTPUTS}
        poll_triggers = [page.load, timer.tick, hidden_poll.tick]
        gr.on(poll_triggers, poll_versions, poll_inputs, versions, api_name="poll_versions", **polling)
        # A tick is skipped while a poll is on its way; a run that is chosen then is asked for as soon as it has ended.
        train.chosen.input(poll_versions, poll_inputs, versions, trigger_mode="always_last", **polling)
        planned = architecture.experiments.wire(runs.listed)
        for mutation in (*train.mutations, *runs.mutations, planned):
            mutation.success(poll_versions, poll_inputs, versions, **polling)
        restored = Address(backend, tabs, architecture).wire(train.chosen, runs.picked, runs.error)
        restored.then(poll_versions, poll_inputs, versions, **polling)
        header.click(lead, None, tabs, api_name="lead", **POLL_EVENT)
        curves.select(None, [train.curves.zoom, runs.zoom], [train.curves.zoom, runs.zoom], js=ZOOM)
        page.send_at_first(train.replay, train.recording)
        train.planning.prepare_after(restore(train.form.shown, train.form.memory_key, page))
        architecture.wire(page, checkpoints, jobs)
        train.lead_on(tabs)
        classify.lead_to_train(tabs)
        classify.refresh_on(checkpoints.change)
        evaluate.wire(page, checkpoints, jobs)
    _let_the_queue_rest(page)
    uploads = Uploads(Path(page.GRADIO_CACHE))
    page.launch_defaults = lambda: launch_settings(backend.access, uploads, visitors=backend.visitors)
    return page


def header_html() -> str:
    """What this page is, in one sentence whose verbs lead to the tabs, and the other languages that it speaks."""
    tabs = {"train": t("Train it"), "architecture": t("look inside"), "classify": t("ask it")}
    leads = {tab: f'<button data-tab="{tab}">{escape(verb)}</button>' for tab, verb in tabs.items()}
    sentence = t(
        "A residual network learns to tell images apart. {train} and watch it learn, {architecture} to see why its "
        "blocks look as they do, or {classify} about an image.",
        **leads,
    )
    spoken = current_language()
    others = "".join(
        f'<button data-language="{code}" lang="{HTML_LANGUAGES[code]}">{name}</button>'
        for code, name in LANGUAGES.items()
        if code != spoken
    )
    return (
        f'<header class="page-head" lang="{HTML_LANGUAGES[spoken]}"><h1>{escape(t("ResNet-50, opened"))}</h1>'
        f"<p>{sentence}</p><nav>{others}</nav></header>"
    )


def _build_space_notice() -> None:
    """What visitors of a Space should know, and the way to one of their own."""
    is_slow = not is_zerogpu() and not Path("/dev/nvidiactl").exists()
    with gr.Row(elem_classes="space-notice"):
        html_of(lambda: space_html(is_slow, KEPT_S + SWEEP_EVERY_S), elem_id="space-notice")
        gr.DuplicateButton("Duplicate this Space", elem_id="duplicate", min_width=190, scale=0)


def lead(event: gr.EventData) -> gr.Tabs:
    """Open the tab that a word of the header names; a raw request may send anything."""
    tab = sent_with(event).get("tab")
    if tab not in ("train", "architecture", "classify"):
        raise gr.Error(t("There is no such tab."), print_exception=False)
    return gr.Tabs(selected=tab)


def _let_the_queue_rest(page: gr.Blocks) -> None:
    """Gradio looks into its queue a thousand times a second, on Windows 20 times; that is 4 % of a core, taken from the
    training beside it. There is no public setting."""
    page._queue.sleep_when_free = page._queue.progress_update_sleep_when_free = QUEUE_REST_S

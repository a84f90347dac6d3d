"""The page: a header, the tabs, and the heartbeat that asks every two seconds whether anything is new."""

import gradio as gr

from resnet_demo.ui.architecture_tab import build_architecture_tab
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.classify_tab import ClassifyTab
from resnet_demo.ui.runs_tab import RunsTab
from resnet_demo.ui.runs_table import version_of
from resnet_demo.ui.train_tab import TrainTab
from resnet_demo.ui.wiring import QUIET, UNCHECKED

TICK_S = 2.0
FILES_KEPT_S = (3600, 86400)  # uploads and exports: looked through every hour, removed after a day
# gr.Timer rests in a browser tab that is not in front, whose title is then all that a person sees of a run.
HIDDEN_BEAT = "setInterval(() => document.hidden && trigger('tick'), 10000);"
HEADER = (
    '<header class="page-head"><h1>ResNet-50, opened</h1>'
    "<p>Train a residual network and watch it learn, look inside it, then show it a picture.</p></header>"
)


def build_app(backend: Backend) -> gr.Blocks:
    """All tabs over one backend. Imports no torch: what needs it is filled after the page has been served."""

    def news(seen: str, seen_checkpoints: str, seen_runs: str, picked: str) -> list:
        """The newest version, that of the checkpoints and that of the runs with the ticked ones' curves, each left out
        where the page knows it already."""
        look = backend.watcher.look()
        words = ((look.version, seen), (look.checkpoints, seen_checkpoints), (version_of(look, picked), seen_runs))
        return [gr.skip() if newest == known else newest for newest, known in words]

    with gr.Blocks(title="ResNet-50, opened", analytics_enabled=False, delete_cache=FILES_KEPT_S) as page:
        gr.HTML(HEADER)
        with gr.Tabs(selected="train") as tabs:
            with gr.Tab("Train", id="train"):
                train = TrainTab(backend)
            with gr.Tab("Runs", id="runs"):
                runs = RunsTab(backend, train, tabs)
            with gr.Tab("Architecture", id="architecture"):
                architecture = build_architecture_tab()
            with gr.Tab("Classify", id="classify"):
                classify = ClassifyTab(backend.store)
        # The heartbeat asks for three words. Only where one differs do the tabs that it concerns ask for what is new:
        # while a run trains that is the Train tab at each beat, and Classify once a minute.
        version = gr.Textbox("", visible="hidden", elem_id="version")
        hidden_beat = gr.HTML(visible="hidden", js_on_load=HIDDEN_BEAT)
        checkpoints = gr.Textbox("", visible="hidden", elem_id="checkpoints")
        listed = gr.Textbox("", visible="hidden", elem_id="listed")
        known = [version, checkpoints, listed]
        beats = [page.load, gr.Timer(TICK_S).tick, hidden_beat.tick]
        gr.on(beats, news, [*known, runs.picked], known, api_name="news", **QUIET)
        version.change(train.refresh, train.asking, train.shown, api_name="refresh", **QUIET, **UNCHECKED)
        listed.change(runs.refresh, runs.asking, runs.shown, api_name="refresh_runs", **QUIET, **UNCHECKED)
        page.load(train.prepare, None, [*train.form.widgets, train.plan], **QUIET)
        architecture.draw_on_load(page)
        classify.lead_to_train(tabs)
        classify.refresh_on(checkpoints.change)
    return page

"""The page: a header, the tabs, and the heartbeat that asks every two seconds whether anything is new."""

import gradio as gr

from resnet_demo.ui.architecture_tab import build_architecture_tab
from resnet_demo.ui.classify_tab import ClassifyTab
from resnet_demo.ui.runs_tab import RunsTab
from resnet_demo.ui.train_tab import Backend, TrainTab
from resnet_demo.ui.wiring import QUIET, UNCHECKED

TICK_S = 2.0
FILES_KEPT_S = (3600, 86400)  # uploads and exports: looked through every hour, removed after a day
HEADER = (
    '<header class="page-head"><h1>ResNet-50, opened</h1>'
    "<p>Train a residual network and watch it learn, look inside it, then show it a picture.</p></header>"
)


def build_app(backend: Backend) -> gr.Blocks:
    """All tabs over one backend. Imports no torch: what needs it is filled after the page has been served."""

    def news(seen: str):
        """The newest version, or nothing where the page shows it already."""
        newest = backend.watcher.look().version
        return gr.skip() if newest == seen else newest

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
        # The heartbeat asks for one word, the version. Only where it differs do the tabs ask for what is new.
        version = gr.Textbox("", visible="hidden", elem_id="version")
        gr.on([page.load, gr.Timer(TICK_S).tick], news, version, version, api_name="news", **QUIET)
        version.change(train.refresh, [train.seen, train.chosen], train.shown, api_name="refresh", **QUIET, **UNCHECKED)
        version.change(runs.refresh, runs.asked, runs.shown, api_name="refresh_runs", **QUIET, **UNCHECKED)
        page.load(train.prepare, None, [*train.form.widgets, train.plan], **QUIET)
        architecture.draw_on_load(page)
        classify.lead_to_train(tabs)
        classify.refresh_on(page.load, version.change)
    return page

"""The page: a header, the tabs, and the timer that asks every two seconds whether anything is new."""

import gradio as gr

from resnet_demo.ui.architecture_tab import build_architecture_tab
from resnet_demo.ui.train_tab import QUIET, Backend, TrainTab

TICK_S = 2.0
HEADER = (
    '<header class="page-head"><h1>ResNet-50, opened</h1>'
    "<p>Train a residual network and watch it learn, look inside it, then show it a picture.</p></header>"
)


def build_app(backend: Backend) -> gr.Blocks:
    """All tabs over one backend. Imports no torch: what needs it is filled after the page has been served."""
    with gr.Blocks(title="ResNet-50, opened", analytics_enabled=False) as page:
        gr.HTML(HEADER)
        with gr.Tabs(selected="train"):
            with gr.Tab("Train", id="train"):
                train = TrainTab(backend)
            with gr.Tab("Architecture", id="architecture"):
                architecture = build_architecture_tab()
        timer = gr.Timer(TICK_S)
        gr.on([page.load, timer.tick], train.refresh, train.seen, train.shown, api_name="refresh", **QUIET)
        page.load(train.prepare, None, [*train.form.widgets, train.plan], **QUIET)
        architecture.draw_on_load(page)
    return page

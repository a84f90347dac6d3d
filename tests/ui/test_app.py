"""The page as a whole."""

import gradio as gr

from resnet_demo.ui.app import build_app
from resnet_demo.ui.backend import Backend


def test_gradios_queue_rests_between_two_looks(store, tmp_path):
    usual = gr.Blocks()._queue
    ours = build_app(Backend.over(store, tmp_path))._queue
    assert set(vars(ours)) == set(vars(usual))  # the names are still Gradio's own
    assert ours.sleep_when_free >= 0.05 and ours.progress_update_sleep_when_free >= 0.05

"""The curves of the run in front: their widgets, and how they are wanted. They are drawn in `html/curves`."""

from functools import partial
from typing import Any

import gradio as gr

from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.ui.html import tour
from resnet_demo.ui.html.block_strip import strip_html
from resnet_demo.ui.html.chart import MAX_SMOOTHING
from resnet_demo.ui.html.curves import (
    CURVES_HINT,
    MORE_CURVES_HINT,
    X_AXES,
    ChartChoice,
    DrawnCurves,
    run_charts,
)
from resnet_demo.ui.html.pinned_card import probability_chart
from resnet_demo.ui.wiring import chart_choice, html_of


class RunCurves:
    """Built where it is called."""

    def __init__(self) -> None:
        self._drawn = DrawnCurves(_all_charts)
        self._build()

    def _build(self) -> None:
        loss, accuracy, learning_rate, speed, gradient = (partial(self._empty, at) for at in range(5))
        with gr.Row():
            with gr.Column(min_width=300):
                self.loss = html_of(loss, elem_id="loss-chart")
            with gr.Column(min_width=300):
                self.accuracy = html_of(accuracy, elem_id="accuracy-chart")
        gr.Markdown(CURVES_HINT, elem_classes="hint")
        with gr.Accordion("More curves, smoothing, steps or time", open=False):
            with gr.Row():
                self.axis = gr.Radio(X_AXES, value="epoch", label="X axis", scale=5, elem_id="curves-axis")
                self.smoothing = gr.Slider(0, MAX_SMOOTHING, value=0, step=0.1, label="Smoothing", scale=4)
                self.log_loss = gr.Checkbox(False, label="Logarithmic loss", elem_classes="curves-tick")
                self.error = gr.Checkbox(False, label="Error, not accuracy", elem_classes="curves-tick")
            self.zoom = gr.Textbox("", visible="hidden")  # the range that is drawn, '' for all
            with gr.Row():
                with gr.Column(min_width=300):
                    self.learning_rate = html_of(learning_rate)
                with gr.Column(min_width=300):
                    self.gradient = html_of(gradient)
            with gr.Row():
                with gr.Column(min_width=300):
                    self.speed = html_of(speed)
                with gr.Column(min_width=300):
                    gr.Markdown(MORE_CURVES_HINT, elem_classes="hint")
        with gr.Accordion("What the blocks do while it trains", open=False):
            self.blocks = html_of(partial(strip_html, None), elem_id="block-strips")

    def charts(self, probability: gr.HTML) -> list[gr.HTML]:
        """What `drawn` fills; `probability` is the chart beside the pinned image."""
        return [self.loss, self.accuracy, self.learning_rate, self.speed, self.gradient, probability, self.blocks]

    @property
    def looks(self) -> list[Any]:
        """How the curves are wanted, as `drawn` takes it."""
        return [self.smoothing, self.axis, self.log_loss, self.error, self.zoom]

    def _empty(self, at: int) -> str:
        """One of the charts before the first run."""
        return self._drawn.of("", None, ChartChoice())[at]

    def drawn(self, version: str, shown: Snapshot | None, *looks) -> tuple[str, ...]:
        """`version` changes when the run has new points that are worth a drawing."""
        return self._drawn.of(version, shown, chart_choice(*looks))


def _all_charts(shown: Snapshot | None, choice: ChartChoice) -> tuple[str, ...]:
    loss, accuracy, *others = run_charts(shown, choice)
    told = loss + tour.caption(shown, "loss"), accuracy + tour.caption(shown, "accuracy")
    return (*told, *others, probability_chart(shown, choice), strip_html(shown))

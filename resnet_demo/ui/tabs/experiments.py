"""The part of the Architecture tab in which networks of several depths are trained by one recipe, one after the other,
and their errors drawn over each other as they come."""

from typing import Any

import gradio as gr

from resnet_demo.language import t
from resnet_demo.runs.config import ConfigError, TrainConfig
from resnet_demo.runs.experiments import EXPERIMENTS, Experiment
from resnet_demo.runs.snapshot import checksum
from resnet_demo.runs.status import RunStatus
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.experiment import experiment_html, lead_html, problem_html
from resnet_demo.ui.wiring import ACTION_EVENT, POLL_EVENT, RAW_INPUTS, html_of

FIRST = "digits"  # whose runs come with the project
# A link to another part of this page, followed as Back and Forward are.
_FOLLOW = """
element.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-here]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, '', link.getAttribute('href'));
  window.dispatchEvent(new PopStateEvent('popstate'));
});
"""


class ExperimentsPanel:
    """Built where it is called; then call `wire`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        html_of(lead_html, elem_classes="arch-html")
        with gr.Row():
            self.chosen = gr.Radio(
                [(experiment.label, name) for name, experiment in EXPERIMENTS.items()],
                value=FIRST,
                label="Experiment",
                elem_id="experiment",
                scale=3,
                min_width=320,
            )
            with gr.Column(min_width=220):
                self.seed = gr.Number(0, label="Seed", precision=0, minimum=0, elem_id="experiment-seed")
                self.start = gr.Button("Train its networks here", elem_id="experiment-start", interactive=False)
        self.seen = gr.Textbox("", visible="hidden")
        self.drawn = gr.HTML('<div class="experiment-space"></div>', elem_id="experiment-runs", js_on_load=_FOLLOW)

    def wire(self, listed: gr.Textbox) -> gr.events.Dependency:
        """`listed` changes with the runs and their epochs. Returns the event after which runs are planned."""
        gr.on(
            [self.chosen.change, self.seed.change, listed.change],
            self.refresh,
            [self.seen, self.chosen, self.seed],
            [self.seen, self.drawn, self.start],
            api_name="experiment",
            trigger_mode="always_last",
            **POLL_EVENT,
            **RAW_INPUTS,
        )
        return self.start.click(
            self.plan, [self.chosen, self.seed], None, api_name="plan_experiment", **ACTION_EVENT, **RAW_INPUTS
        )

    # --- looking ----------------------------------------------------------------------------------------------

    def refresh(self, seen: str, name: Any, seed: Any, request: gr.Request) -> Any:
        """The runs over each other, and whether they can be trained here; nothing where the page has it already. What
        is wrong with the seed stands in their place: this is asked again with each epoch of any run."""
        experiment = _chosen(name)
        try:
            checked = _checked(seed)
        except ConfigError as error:
            return checksum(name, seed), problem_html(str(error)), gr.Button(interactive=False)
        runs = experiment.runs(self.backend.watcher.snapshot().runs, checked)
        states = [(run.run.id, run.status, len(run.view.epochs)) for run in runs.values()]
        version = checksum(name, seed, states)
        if version == seen:
            return gr.skip()
        may = self.backend.access.is_owner(request) and self.backend.visitors is None
        return version, experiment_html(experiment, runs), gr.Button(interactive=may)

    # --- acting: checks by itself who asks ----------------------------------------------------------------------

    def plan(self, name: Any, seed: Any, request: gr.Request) -> None:
        """Put what is not trained here yet into the queue."""
        self.backend.access.require_owner(request)
        experiment = _chosen(name)
        missing = self.backend.act(lambda: self._missing(experiment, _checked(seed)))
        if not missing:
            problem = t("All its networks have been trained here with this seed. Choose another seed for new ones.")
            raise gr.Error(problem, print_exception=False)
        self.backend.act(lambda: self.backend.launcher.plan(missing, start=True))

    def _missing(self, experiment: Experiment, seed: int) -> list[TrainConfig]:
        own = [run for run in self.backend.watcher.snapshot(now=True).runs if not run.run.is_shipped]
        over = (RunStatus.STOPPED, RunStatus.FAILED)
        there = experiment.runs([run for run in own if run.status not in over], seed)
        return [config for config in experiment.configs(seed) if config.arch not in there]


def _chosen(name: Any) -> Experiment:
    if not isinstance(name, str) or name not in EXPERIMENTS:
        raise gr.Error(t("There is no such experiment."), print_exception=False)
    return EXPERIMENTS[name]


def _checked(seed: Any) -> int:
    """The page's field sends a whole number as a float; nothing where it is empty. Raises ConfigError."""
    whole = int(seed) if isinstance(seed, float) and seed.is_integer() else seed
    return TrainConfig(seed=whole).seed

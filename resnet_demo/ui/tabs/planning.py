"""What this machine makes of the form: which devices it offers, what it starts with, and what a run will take. Known
once torch is there, seconds after the first paint."""

from typing import Any

import gradio as gr

from resnet_demo.language import t
from resnet_demo.runs.config import TORCHVISION, ConfigError, TrainConfig, preset_config
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.curves import schedule_chart
from resnet_demo.ui.html.plan import download_size, plan_html, plan_placeholder, plan_problem
from resnet_demo.ui.html.visitors import zerogpu_plan
from resnet_demo.ui.tabs.form import TrainForm, device_choices
from resnet_demo.ui.tabs.form_memory import IS_KEPT
from resnet_demo.ui.wiring import POLL_EVENT, html_of, import_torch

PLANNED_BY = (  # settings that the plan depends on
    "data", "epochs", "batch_size", "arch", "stem", "train_images", "test_images", "validation_images", "device",
    "precision", "compile", "threads", "processes", "learning_rate", "schedule", "warmup", "start_from",
)  # fmt: skip
# The plan that stands there is another form's until the new one has come.
_PLANNING = "(...values) => { document.querySelector('#plan')?.classList.add('planning'); return values; }"
_PLANNED = "() => { document.querySelector('#plan')?.classList.remove('planning'); }"


class Planning:
    """The plan is built where this is called."""

    def __init__(self, backend: Backend, form: TrainForm) -> None:
        self.backend, self.form = backend, form
        self.prepared = gr.Textbox("", visible="hidden")  # set once torch is there and the form stands
        self.plan = html_of(plan_placeholder, elem_id="plan")

    def wire(self, training: gr.Textbox) -> None:
        """`training` changes as a run begins, and as it ends: by then data and speed are known."""
        planned = gr.on(
            [*(self.form[name].change for name in PLANNED_BY), self.prepared.change, training.change],
            self.plan_text,
            self.form.widgets,
            [self.plan, self.form.schedule],
            trigger_mode="always_last",
            js=_PLANNING,
            **POLL_EVENT,
        )
        planned.success(None, js=_PLANNED)
        planned.failure(None, js=_PLANNED)

    def prepare_after(self, restored: gr.events.Dependency) -> None:
        """Once the form holds what a reload has left in it."""
        prepared = restored.then(self.prepare, None, self.form["device"], **POLL_EVENT)
        prepared.then(
            self.fill_untouched,
            [*self.form.widgets, self.prepared],
            [*self.form.shown, self.prepared],
            js=IS_KEPT,
            **POLL_EVENT,
        )

    def prepare(self) -> gr.Dropdown:
        """The devices that a run can have here."""
        if self.backend.visitors:
            return gr.Dropdown(choices=device_choices(["cuda"]))
        import_torch()
        from resnet_demo.training.device import available_devices

        return gr.Dropdown(choices=device_choices(available_devices()))

    def fill_untouched(self, *sent) -> list[Any]:
        """Where nobody has touched the form, now or before a reload, and there is a GPU, it becomes that machine's
        first choice. Whichever it is, it can be planned from now on. `sent` are the form's values, and 'yes' where the
        browser has kept them."""
        *values, kept = sent
        first = self._first_choice()
        if first is None or kept or not self.form.is_untouched(values):
            return [*self.form.told_by(values), "yes"]
        return [*self.form.show(first), "yes"]

    def _first_choice(self) -> TrainConfig | None:
        """`accurate` on all GPUs, and what fits into a few minutes on one that is lent. None on a CPU, for which the
        form stands already."""
        data = self.backend.sources[0]
        if self.backend.visitors:
            return preset_config("minute", data=data)
        from resnet_demo.training.device import choose_device, count_gpus

        if choose_device().device.type == "cpu":
            return None
        return preset_config("accurate", data=data, processes=max(1, count_gpus()))

    def plan_text(self, *values) -> tuple[str, str]:
        """The device, why, how long it will take, what will be downloaded first, and the learning rate's course."""
        try:
            return self._plan(self.form.config(values))
        except ConfigError as error:
            return plan_problem(error), schedule_chart()

    def _plan(self, config: TrainConfig) -> tuple[str, str]:
        if self.backend.visitors:  # the GPU that PyTorch names here is not there
            return zerogpu_plan(self._downloads(config)), schedule_chart()
        import_torch()
        from resnet_demo.training.device import DeviceError, choose_device
        from resnet_demo.workers.estimate import estimate

        try:
            choice = choose_device(config.device, config.precision, config.threads, config.processes)
        except DeviceError as error:
            return plan_problem(error), schedule_chart()
        snapshot = self.backend.watcher.snapshot()
        guess = estimate(config, snapshot.runs, choice, self.backend.data_dir)
        plan = plan_html(choice.reason, guess, self._downloads(config), snapshot.training)
        return plan, schedule_chart(config, guess.steps_per_epoch)

    def _downloads(self, config: TrainConfig) -> dict[str, int]:
        """Bytes that Start will fetch first, 0 where they are there."""
        sizes = {"CIFAR-10": download_size(config, self.backend.data_dir)}
        if config.start_from == TORCHVISION:  # only then: importing torchvision takes seconds
            from resnet_demo.training.first_weights import weights_to_fetch

            sizes[t("torchvision's weights")] = weights_to_fetch(config.arch, self.backend.data_dir)
        return sizes

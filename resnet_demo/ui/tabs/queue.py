"""The planned runs in the Train tab: planning one with the form's settings, moving and removing them, going on. Each
handler checks by itself who asks."""

from collections.abc import Callable

import gradio as gr

from resnet_demo.errors import UserError
from resnet_demo.language import t
from resnet_demo.runs.planning import unplan
from resnet_demo.runs.queue import Queue, QueueError
from resnet_demo.runs.snapshot import Snapshot
from resnet_demo.runs.watcher import RunsSnapshot
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.queue import queue_html
from resnet_demo.ui.tabs.form import TrainForm
from resnet_demo.ui.wiring import ACTION_EVENT, POLL_EVENT, RAW_INPUTS_OUTPUTS, import_torch, sent_with

# A press leads to a new list. The keyboard stays at the run that was moved, or goes to what has taken its place.
_PRESSES = """
let pressed = null;
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-act]');
  if (!button) return;
  const rows = [...element.querySelectorAll('[data-run]')], row = button.closest('[data-run]');
  pressed = {act: button.dataset.act, run: row?.dataset.run ?? '', place: rows.indexOf(row)};
  trigger('click', {act: pressed.act, run: pressed.run});
});
watch('value', () => {
  if (!pressed) return;
  const rows = [...element.querySelectorAll('[data-run]')], {activeElement} = document;
  const row = rows.find((one) => one.dataset.run === pressed.run) ?? rows[Math.min(pressed.place, rows.length - 1)];
  const enabled = [...(row?.querySelectorAll('[data-act]:not([disabled])') ?? [])];
  const next = enabled.find((one) => one.dataset.act === pressed.act) ?? enabled[0];
  // Who types elsewhere by now stays there.
  if (activeElement === document.body || element.contains(activeElement)) next?.focus({preventScroll: true});
  pressed = null;
});
"""


class QueuePanel:
    """Built where it is called. `add` is the button that plans a run; where a GPU is lent for seconds it is none."""

    def __init__(self, backend: Backend, form: TrainForm, add: gr.Button) -> None:
        self.backend, self.form, self.add = backend, form, add
        self._seconds: dict[tuple[str, str], float | None] = {}  # by the planned run and the one in front
        self.panel = gr.HTML("", elem_id="queue", js_on_load=_PRESSES)

    def wire(self, states: gr.Textbox, prepared: gr.Textbox) -> list[gr.events.Dependency]:
        """`states` changes with how any run stands, `prepared` once torch is there. Returns the events after which the
        page has something new to show."""
        if self.backend.visitors is not None:
            return []
        gr.on(
            [states.change, prepared.change],
            self.show,
            prepared,
            self.panel,
            api_name="queue",
            trigger_mode="always_last",
            **POLL_EVENT,
            **RAW_INPUTS_OUTPUTS,
        )
        return [
            self.add.click(self.plan, self.form.widgets, None, api_name="plan", **ACTION_EVENT),
            self.panel.click(self.act, None, None, api_name="change_queue", trigger_mode="multiple", **ACTION_EVENT),
        ]

    # --- looking ----------------------------------------------------------------------------------------------

    def show(self, prepared: str, request: gr.Request) -> str:
        snapshot = self.backend.watcher.snapshot()
        return queue_html(snapshot, self.backend.access.is_owner(request), self._known_seconds(snapshot, prepared))

    def _known_seconds(self, snapshot: RunsSnapshot, prepared: str) -> dict[str, float]:
        """How long the planned runs will take. Asked once for each run that comes to the front: to measure this machine
        takes a second of it."""
        if not snapshot.queue or not prepared:
            return {}
        front = snapshot.current.run.id if snapshot.current else ""
        asked = {(one.run.id, front): one for one in snapshot.queue}
        known = {key: seconds for key, seconds in self._seconds.items() if key in asked}
        known |= {key: self._estimate(one, snapshot) for key, one in asked.items() if key not in known}
        self._seconds = known
        return {run_id: seconds for (run_id, _), seconds in known.items() if seconds is not None}

    def _estimate(self, planned: Snapshot, snapshot: RunsSnapshot) -> float | None:
        import_torch()
        from resnet_demo.training.device import choose_device
        from resnet_demo.workers.estimate import estimate

        config = planned.config
        try:
            choice = choose_device(config.device, config.precision, config.threads, config.processes)
        except UserError:  # it says so when it is started
            return None
        return estimate(config, snapshot.runs, choice, self.backend.data_dir).seconds

    # --- acting -----------------------------------------------------------------------------------------------

    def plan(self, request: gr.Request, *values) -> None:
        """Plan a run with the form's settings."""
        self.backend.access.require_owner(request)
        (run,) = self.backend.act(lambda: self.backend.launcher.plan([self.form.config(values)]))
        if planned := next((one for one in self.backend.watcher.snapshot().queue if one.run == run), None):
            place, total = planned.place or (1, 1)
            gr.Info(t("Planned: {place} of {total} in the queue.", place=place, total=total), duration=5)

    def act(self, event: gr.EventData, request: gr.Request) -> None:
        """What a press in the list asks for; a raw request may send anything."""
        self.backend.access.require_owner(request)
        sent = sent_with(event)
        act, run_id = sent.get("act"), str(sent.get("run", ""))
        acts: dict[object, Callable[[], object]] = {
            "start": self.backend.launcher.start_next,
            "remove": lambda: unplan(self.backend.store, self.backend.store.get_own(run_id)),
            "up": lambda: self._move(run_id, -1),
            "down": lambda: self._move(run_id, 1),
        }
        if not isinstance(act, str) or act not in acts:
            raise gr.Error(t("The queue has no such button."), print_exception=False)
        self.backend.act(acts[act])

    def _move(self, run_id: str, by: int) -> None:
        run, queue = self.backend.store.get_own(run_id), Queue(self.backend.store.folder)
        if run not in queue:
            raise QueueError(t("'{run}' is not in the queue (any more).", run=run.id))
        queue.move(run, queue.ids().index(run.path.name) + 1 + by)

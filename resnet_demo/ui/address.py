"""The page's address: the tab, the run in front, the ticked runs, the drawn network, its opened block and the walk's
step can be shared, reloaded, and left by Back. The page's script writes and reads the address; what it reads is checked
here: anybody can write one."""

import json
from typing import Any

import gradio as gr

from resnet_demo.language import t
from resnet_demo.runs.watcher import NEWEST
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.html.run_choices import run_choices
from resnet_demo.ui.html.walk import step_named
from resnet_demo.ui.tabs.architecture import ArchitectureTab
from resnet_demo.ui.tabs.network_drawing import FIRST as FIRST_NETWORK
from resnet_demo.ui.tabs.network_drawing import FIRST_BLOCK, FIRST_SIZE, draw_named
from resnet_demo.ui.wiring import ACTION_EVENT, script, sent_with

FIRST = {
    "tab": "train",
    "run": NEWEST,
    "runs": "",
    "error": "",
    "network": FIRST_NETWORK.arch,
    "stem": FIRST_NETWORK.stem,
    "shortcut": FIRST_NETWORK.shortcut,
    "size": str(FIRST_SIZE),
    "block": FIRST_BLOCK,
    "step": "",
}
_SCRIPT = script("address.js").replace("FIRST_VALUES", json.dumps(FIRST))
_TELL = "({}) => {{ window.dispatchEvent(new CustomEvent('address', {{detail: {}}})); }}"


class Address:
    """Built where it is called, after the tabs; then call `wire`."""

    def __init__(self, backend: Backend, tabs: gr.Tabs, architecture: ArchitectureTab) -> None:
        self.backend, self.tabs, self.architecture = backend, tabs, architecture
        self._pages: list[Any] = tabs.children
        self._script = gr.HTML(visible="hidden", js_on_load=_SCRIPT)

    def wire(self, chosen: gr.Dropdown, picked: gr.Textbox, error: gr.Checkbox) -> Any:
        """`chosen` is Train's run, `picked` Runs' ticks, `error` whether their error is drawn. Returns the event after
        which the page shows what the address names."""
        for tab in self._pages:
            tab.select(None, js=_TELL.format("", json.dumps({"tab": tab.id})))
        chosen.change(None, chosen, js=_TELL.format("run", "{run}"))
        picked.change(None, picked, js=_TELL.format("picked", "{runs: JSON.parse(picked || '[]').join()}"))
        error.change(None, error, js=_TELL.format("error", "{error: error ? '1' : ''}"))
        drawn, named = self.architecture.choices, "network, stem, shortcut, size, block"
        told = _TELL.format(named, f"{{{named}, size: String(size)}}")
        gr.on([drawing.change for drawing in self.architecture.drawings], None, drawn, js=told)
        step = self.architecture.walk.step
        step.change(None, step, js=_TELL.format("step", "{step}"))
        restored = self._script.click(
            self.restore,
            None,
            [self.tabs, chosen, error, step, *self.architecture.named],
            api_name="restore_address",
            trigger_mode="multiple",  # "once" would drop what the script asks for as soon as it is answered
            **ACTION_EVENT,
        )
        named = f"run, step, {named}"  # what is shown by now, also where the address has not named it
        told = _TELL.format(named, f"{{restored: true, {named}, size: String(size)}}")
        restored.success(None, [chosen, step, *drawn], js=told)
        restored.failure(None, js=_TELL.format("", "{restored: true}"))
        return restored

    def restore(self, event: gr.EventData, request: gr.Request) -> list:
        """Show what the address names; of what is not there, what is shown first. The ticks are the table's own."""
        sent = sent_with(event)
        named = {name: str(sent.get(name, first)) for name, first in FIRST.items()}
        tab = named["tab"] if named["tab"] in [one.id for one in self._pages] else FIRST["tab"]
        step: Any = gr.skip()
        drawn = [gr.skip()] * len(self.architecture.named)
        if tab == "architecture":
            size = int(named["size"]) if named["size"].isdecimal() else 0
            step = named["step"] if step_named(named["step"]) else FIRST["step"]
            drawn = draw_named(named["network"], named["stem"], named["shortcut"], size, named["block"], step)
        error = named["error"] == "1" if tab == "runs" else gr.skip()
        return [gr.Tabs(selected=tab), self._run(named["run"], request), error, step, *drawn]

    def _run(self, run: str, request: gr.Request) -> Any:
        snapshot = self.backend.of(request).watcher.snapshot()
        if not snapshot.has(run):
            gr.Warning(t("The run that this address names is not here. The newest is shown in its place."))
            run = NEWEST
        return gr.Dropdown(choices=run_choices(snapshot), value=run)

"""What a person takes along of the ticked run: its checkpoint as a file that other programs load,
or all that it says as one page."""

from pathlib import Path
from typing import Any

import gradio as gr

from resnet_demo.export.contract import PRECISIONS
from resnet_demo.runs.evaluation import load_evaluation
from resnet_demo.runs.snapshot import whole_snapshot
from resnet_demo.ui.backend import Backend
from resnet_demo.ui.downloads import DOWNLOAD, written
from resnet_demo.ui.html.report import report_page
from resnet_demo.ui.html.runs_table import Picked
from resnet_demo.ui.tabs.run_changes import one_picked
from resnet_demo.ui.wiring import ACTION_EVENT, RAW_INPUTS, import_torch

ONNX, REPORT = "onnx", "report"
FORMATS = [
    ("safetensors, float32", "float32"),
    ("safetensors, float16: half the size", "float16"),
    ("safetensors, bfloat16: half the size", "bfloat16"),
    ("ONNX: takes images, gives probabilities", ONNX),
    ("Report: curves, settings and evaluation as one HTML page", REPORT),
]


class ExportPanel:
    """Built where it is called, inside a row; then call `wire`."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.file = gr.DownloadButton(visible="hidden")
        self.kind = gr.Dropdown(
            FORMATS, value="float32", label="Export the ticked run as", filterable=False,
            interactive=False, elem_id="runs-export-kind", min_width=220,
        )  # fmt: skip
        self.export = gr.Button("Download", interactive=False, size="md", min_width=120, elem_id="runs-export")

    @property
    def shown(self) -> list[gr.components.Component]:
        """What `states` is for."""
        return [self.kind, self.export]

    def states(self, runs: Picked, owner: bool) -> list:
        one = owner and len(runs) == 1 and runs[0][1].model_info is not None
        return [gr.Dropdown(interactive=one), gr.Button(interactive=one)]

    def wire(self, picked: gr.Textbox) -> None:
        made = self.export.click(
            self.write,
            [self.kind, picked],
            self.file,
            api_name="export_run",
            concurrency_limit=1,  # an ONNX export takes both cores for a while
            **{**ACTION_EVENT, "show_progress": "minimal"},
            **RAW_INPUTS,
        )
        made.success(None, self.file, None, js=DOWNLOAD)

    def write(self, kind: Any, picked: str, request: gr.Request) -> str:
        """The file, named after the run. For the owner alone: it may take minutes and a few hundred megabytes."""
        self.backend.access.require_owner(request)
        run = one_picked(self.backend.watcher, picked).run
        if kind == REPORT:
            page = report_page(whole_snapshot(run), load_evaluation(run))
            return written(self.file, f"{run.id}.html", lambda path: path.write_text(page, encoding="utf-8"))
        if kind not in (*PRECISIONS, ONNX):
            raise gr.Error("There is no such format.", print_exception=False)
        import_torch()
        if kind == ONNX:
            return written(self.file, f"{run.id}.onnx", lambda path: _write_onnx(run.model_path, path))
        name = f"{run.id}-{kind}.safetensors"
        return written(self.file, name, lambda path: _write_weights(run.model_path, path, kind))


def _write_onnx(checkpoint: Path, output: Path) -> None:
    from resnet_demo.export.onnx_file import export_onnx

    export_onnx(checkpoint, output)


def _write_weights(checkpoint: Path, output: Path, precision: str) -> None:
    from resnet_demo.export.weights import export_weights

    export_weights(checkpoint, output, precision)
